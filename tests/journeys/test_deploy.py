"""Deployments as users make them: without the model's packages, from other folders, with data of every format."""

from __future__ import annotations

import json
import time

import pytest

from mlem.testing import Project

NO_SKLEARN = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sklearn", "pandas", "numpy", "scipy", "joblib"):
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Refuse())
from mlem.cli.main import main
main(sys.argv[1:])
"""


def test_deploying_never_imports_the_model(project: Project) -> None:
    for arguments in (
        ["run", "local", "app", "--model", "iris"],
        ["status", "app"],
        ["plan", "app", "--model", "iris-v2"],
        ["run", "--load", "app"],
        ["rollback", "app"],
        ["list"],
        ["remove", "app"],
    ):
        done = project.python("-c", NO_SKLEARN, "deployment", *arguments)
        expected = 3 if arguments[0] == "rollback" else 0
        assert done.returncode == expected, f"{arguments}: {done.stderr}"


@pytest.mark.parametrize("suffix", ["csv", "json", "npy", "parquet"])
def test_data_of_every_format_gets_the_local_answer(project: Project, suffix: str) -> None:
    convert = "import pandas as pd, numpy as np, json\nX = pd.read_csv('new.csv')\n"
    convert += {
        "csv": "",
        "json": "open('new.json', 'w').write(json.dumps(X.to_dict('records')))",
        "npy": "np.save('new.npy', X.to_numpy())",
        "parquet": "X.to_parquet('new.parquet')",
    }[suffix]
    assert project.python("-c", convert).returncode == 0
    project.run("local", "app", "iris")
    deployed = project.mlem("deployment", "apply", "app", f"new.{suffix}", "--method", "predict_proba")
    local = project.mlem("apply", "iris", f"new.{suffix}", "--method", "predict_proba")
    assert deployed.returncode == 0, deployed.stderr
    assert json.loads(deployed.stdout) == json.loads(local.stdout)


def test_a_wrong_column_is_told_by_name(project: Project) -> None:
    text = (project.folder / "new.csv").read_text()
    (project.folder / "wrong.csv").write_text(text.replace("petal width (cm)", "petal breadth"))
    project.run("local", "app", "iris")
    done = project.mlem("deployment", "apply", "app", "wrong.csv")
    assert (done.returncode, "petal breadth" in done.stderr, done.stdout) == (2, True, ""), done.stderr


def test_the_deployment_survives_its_shell_and_keeps_its_address_over_updates(project: Project) -> None:
    first = project.json("deployment", "run", "local", "app", "--model", "iris")
    second = project.json("deployment", "run", "--load", "app", "--model", "iris-v2")
    assert (second["url"], second["changed"], second["release"]) == (first["url"], True, 2)
    assert project.json("deployment", "status", "app")["url"] == first["url"]


def test_a_run_from_another_folder_finds_the_project_of_the_object(project: Project) -> None:
    project.run("local", "app", "iris")
    elsewhere = Project(project.folder.parent)
    assert elsewhere.mlem("deployment", "status", "project/app").stdout == "running\n"
    assert elsewhere.mlem("deployment", "status", "app", "--project", "project").stdout == "running\n"


def test_a_model_that_is_saved_anew_does_not_disturb_what_runs(project: Project) -> None:
    project.run("local", "app", "iris")
    before = project.mlem("deployment", "apply", "app", "new.csv", "-m", "predict_proba").stdout
    for suffix in ("", ".mlem"):
        (project.folder / f"iris{suffix}").unlink()
    project.handle("app").get_client()
    assert project.mlem("deployment", "apply", "app", "new.csv", "-m", "predict_proba").stdout == before


def test_declare_in_both_forms_then_run(project: Project) -> None:
    assert project.mlem("declare", "env", "local", "here", "--folder", str(project.folder / "runs")).returncode == 0
    assert project.mlem("declare", "deployment", "app", "--env", "here", "--model", "iris").returncode == 0
    assert (
        project.folder / "app.mlem"
    ).read_text() == "env: here\nmodel: iris\nobject_type: deployment\ntype: local_process\n"
    assert project.mlem("deployment", "run", "--load", "app").returncode == 0
    assert list((project.folder / "runs" / "local").iterdir()) != []
    assert (
        project.mlem("declare", "deployment", "local", "second", "--env.folder", "runs", "--model", "iris").returncode
        == 0
    )
    assert (
        project.folder / "second.mlem"
    ).read_text() == "env:\n  folder: runs\nmodel: iris\nobject_type: deployment\ntype: local_process\n"


def test_hand_made_comments_survive_a_run_with_a_changed_option(project: Project) -> None:
    path = project.folder / "app.mlem"
    path.write_text("# served to the shop\nmodel: iris\nobject_type: deployment\ntype: local_process # for now\n")
    assert project.run("local", "app", "iris", {"stop_timeout_s": 3}).returncode == 0
    assert path.read_text() == (
        "# served to the shop\nmodel: iris\nobject_type: deployment\ntype: local_process # for now\n"
        "stop_timeout_s: 3.0\n"
    )


def test_following_the_log_ends_with_the_deployment(project: Project) -> None:
    import subprocess
    import sys

    project.run("local", "app", "iris")
    follower = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "logs", "app", "--follow"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert follower.stdout.readline()
    started = time.monotonic()
    project.mlem("deployment", "remove", "app")
    follower.communicate(timeout=20)
    assert (follower.returncode, time.monotonic() - started < 20) == (0, True)


def test_python_gets_a_client_with_real_signatures(project: Project) -> None:
    project.run("local", "app", "iris")
    done = project.python(
        "-c",
        "import inspect, pandas as pd\n"
        "from mlem.api import load\n"
        "client = load('app').get_client()\n"
        "X = pd.read_csv('new.csv')\n"
        "print(client.predict(X).tolist(), client.predict(X=X).tolist(), "
        "list(inspect.signature(client.predict).parameters))\n"
        "print((client.predict_proba(X) == load('iris').predict_proba(X)).all())\n",
    )
    assert done.stdout == "[0, 1, 2] [0, 1, 2] ['X']\nTrue\n", done.stderr
