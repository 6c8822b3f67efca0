"""A scikit-learn model, deployed by a machine that has no scikit-learn, answers as the saved one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from mlem import Client, MlemError
from mlem.testing import SAMPLE, Project
from mlem_provider_docker.api.sdk import Engine

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X)
mlem.api.save(LogisticRegression(max_iter=1000, C=0.001).fit(X, y), "iris-v2", sample_data=X)
X.to_csv("rows.csv", index=False)
"""

WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('sklearn', 'numpy', 'pandas', 'scipy', 'joblib', 'cloudpickle'):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
from mlem.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="session")
def trained(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with trained models; an image keeps the layers of their packages in the Engine's cache."""
    pytest.importorskip("sklearn")
    project = Project.make(tmp_path_factory.mktemp("trained"))
    done = project.python("-c", TRAIN)
    assert done.returncode == 0, done.stderr
    with FileLock(tmp_path_factory.getbasetemp().parent / "mlem-docker.lock"):
        done = project.mlem("build", "docker", "iris", "--image_name", "mlem-test-cache-iris", timeout_s=900)
    assert done.returncode == 0, done.stderr
    return project.folder


@pytest.fixture
def iris(tmp_path: Path, trained: Path) -> Iterator[Project]:
    project = Project(tmp_path / "iris")
    shutil.copytree(trained, project.folder)
    yield project
    assert project.mlem("deployment", "remove", "iris-app").returncode == 0


def test_every_command_on_a_real_model(iris: Project, name: str) -> None:
    run = ["deployment", "run", "docker", "iris-app", "--model", "iris", "--container_name", name]
    done = iris.python("-c", WITHOUT, *run, timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert ("url: http://127.0.0.1:" in done.stdout, "try: curl -X POST" in done.stdout) == (True, True)
    assert _remote(iris) == _local(iris, "iris")
    done = iris.mlem("deployment", "run", "--load", "iris-app", "--model", "iris-v2")
    assert done.returncode == 0, done.stderr
    assert _remote(iris) == _local(iris, "iris-v2")
    assert "listening on" in iris.mlem("deployment", "logs", "iris-app").stdout
    assert iris.mlem("deployment", "rollback", "iris-app").returncode == 0
    assert _remote(iris) == _local(iris, "iris")
    assert iris.mlem("deployment", "status", "iris-app", "--check").returncode == 0


def _remote(project: Project) -> Any:
    done = project.mlem("deployment", "apply", "iris-app", "rows.csv", "--method", "predict_proba", "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _local(project: Project, model: str) -> Any:
    done = project.mlem("apply", model, "rows.csv", "--method", "predict_proba", "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed port", "free port"])
def test_no_client_gets_a_wrong_answer_during_a_replacement(project: Project, name: str, fixed: bool) -> None:
    import socket

    options = ["--container_name", name]
    if fixed:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            options += ["--port", str(probe.getsockname()[1])]
    assert project.run("docker", "app", "double", options).returncode == 0
    answers: list[Any] = []
    stop = threading.Event()
    asking = threading.Thread(target=_ask, args=(project, answers, stop))
    asking.start()
    try:
        for model, code in (("triple", 0), ("wrong", 8), ("double", 0)):
            done = project.run("docker", "app", model)
            assert (done.returncode, "serves again" in done.stderr) == (code, code == 8), done.stderr
    finally:
        stop.set()
        asking.join(30)
    right = {(2.0, 4.0, 6.0), (3.0, 6.0, 9.0)}
    given = [answer for answer in answers if answer is not None]
    assert {tuple(answer) for answer in given} == right
    if not fixed:
        assert None not in answers


def _ask(project: Project, answers: list[Any], stop: threading.Event) -> None:
    """Ask 20 times a second, at the address on record.

    None where there was no answer, nor at the address looked up again.
    """
    while not stop.wait(0.05):
        answers.append(_answer(project) or _answer(project))


def _answer(project: Project) -> Any:
    try:
        client: Client = project.handle("app").get_client()
        with client:
            return client.predict(SAMPLE)
    except MlemError:
        return None


def test_a_second_run_needs_neither_model_nor_packages(iris: Project, name: str) -> None:
    done = iris.mlem(
        "deployment", "run", "docker", "iris-app", "--model", "iris", "--container_name", name, timeout_s=600
    )
    assert done.returncode == 0, done.stderr
    (iris.folder / "iris").unlink()
    began = time.monotonic()
    done = iris.python("-c", WITHOUT, "deployment", "run", "--load", "iris-app")
    assert (done.returncode, "nothing to change" in done.stdout, time.monotonic() - began < 30) == (0, True, True), (
        done.stderr
    )


def test_the_command_imports_no_sdk_before_it_needs_it() -> None:
    code = "import mlem_provider_docker.plugin as p, sys; p.mlem_envs(), p.mlem_deployments(), p.mlem_builders()"
    code += "; print('docker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
