"""Images: what is in them, how they are built, pushed and pulled, and that one image serves every platform."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from mlem import ConflictError, PlatformError, api
from mlem.testing import SAMPLE, Project
from mlem_image import LINEAGE_LABEL, ImageOptions, Recipe
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.builders import DockerBuilder, DockerDirBuilder
from mlem_provider_docker.images import image
from mlem_provider_docker.images.dockerfile import BUILDER_LABEL

APP = "app"


def build(project: Project, name: str, model: str = "double", **options: Any) -> dict[str, Any]:
    builder = DockerBuilder.from_data({"image_name": name, "tag": "1", **options}, "the test")
    meta = api.load_meta(model, str(project.folder))
    return dict(builder.build(meta, lambda _line: None))


@pytest.fixture
def built(project: Project, engine: Engine, name: str) -> Iterator[str]:
    """The name of an image of the model ``double``."""
    yield str(build(project, name)["image"])
    engine.remove_image(f"{name}:1")


def inside(engine: Engine, image_name: str, *command: str, user: str | None = None) -> str:
    """Run a command in an image and return what it says."""
    said = engine._client.containers.run(
        image_name, list(command[1:]), entrypoint=command[0], remove=True, stderr=True, user=user
    )
    return bytes(said).decode()


def test_an_image_runs_as_nobody_in_particular_and_has_no_tools(engine: Engine, built: str) -> None:
    found = engine.image(built)
    assert found is not None
    config = found["Config"]
    assert (config["User"], config["Entrypoint"], config["ExposedPorts"]) == (
        "10001:10001",
        ["/venv/bin/mlem-server"],
        {"8080/tcp": {}},
    )
    assert "/readyz" in config["Healthcheck"]["Test"][-1]
    assert {key for key in config["Labels"] if key.startswith("mlem.")} == {
        "mlem.builder",
        "mlem.deployment",
        "mlem.lineage",
        "mlem.model_hash",
        "mlem.recipe",
        "mlem.server",
        "mlem.versions",
    }
    tools = "command -v gcc cc make; ls -d /venv/bin/pip* /build /root/.cache/pip 2>/dev/null"
    script = f"{tools}; find / -name '*.whl' -path '*mlem*' 2>/dev/null; id -u"
    assert inside(engine, built, "sh", "-c", script).split() == ["10001"]


def test_an_image_has_no_pip_and_no_program_that_runs_as_somebody_else(engine: Engine, built: str) -> None:
    look = (
        "import os, stat\n"
        "for folder, _, names in os.walk('/'):\n"
        "    for name in names:\n"
        "        path = os.path.join(folder, name)\n"
        "        if not path.startswith(('/proc', '/sys')) and os.lstat(path).st_mode & 0o6000 "
        "and stat.S_ISREG(os.lstat(path).st_mode):\n"
        "            print(path)\n"
        "import importlib.util\n"
        "print(importlib.util.find_spec('pip'), importlib.util.find_spec('ensurepip'))\n"
    )
    python = inside(engine, built, "/venv/bin/python", "-I", "-c", "import sys; print(sys._base_executable)").strip()
    assert inside(engine, built, python, "-I", "-c", look, user="0").strip() == "None None"


MOST_OF_OURS_BYTES = 25 * 10**6
"""What an image may have over its base and the model's packages."""


def test_an_image_has_what_serves_and_nothing_of_what_deploys(engine: Engine, built: str) -> None:
    found, base = engine.image(built), engine.image("python:3.11-slim")
    assert found is not None
    assert base is not None
    code = "import importlib.metadata as m; print(*sorted({found.name.lower() for found in m.distributions()}))"
    names = set(inside(engine, built, "/venv/bin/python", "-I", "-c", code).split())
    assert {"mlem-model", "mlem-server"} <= names
    absent = {
        "mlem-core",
        "click",
        "rich",
        "pygments",
        "ruamel.yaml",
        "urllib3",
        "requests",
        "filelock",
        "psutil",
        "packaging",
    }
    assert names & absent == set()
    assert found["Size"] - base["Size"] < MOST_OF_OURS_BYTES


def test_an_image_has_the_libraries_that_wheels_need(project: Project, engine: Engine, built: str, name: str) -> None:
    asks = ("/venv/bin/python", "-c", "import ctypes; ctypes.CDLL('libgomp.so.1'); print('there')")
    with pytest.raises(docker.errors.ContainerError, match="libgomp"):
        inside(engine, built, *asks)
    with_it = str(build(project, f"{name}-omp", system_packages=["libgomp1"])["image"])
    try:
        assert inside(engine, with_it, *asks) == "there\n"
        assert "var/lib/apt/lists" not in inside(engine, with_it, "/bin/sh", "-c", "find /var/lib/apt/lists -type f")
    finally:
        engine.remove_image(with_it)


def test_a_system_package_that_is_not_there_is_named(project: Project, name: str) -> None:
    with pytest.raises(PlatformError, match="no-such-library-1"):
        build(project, name, system_packages=["no-such-library-1"])


def test_a_new_model_changes_one_layer_alone(project: Project, engine: Engine, built: str, name: str) -> None:
    build(project, f"{name}-2", "triple")
    try:
        first, second = (engine.image(image_name) for image_name in (built, f"{name}-2:1"))
        assert first is not None
        assert second is not None
        layers = [found["RootFS"]["Layers"] for found in (first, second)]
        assert (layers[0][:-1], layers[0][-1] != layers[1][-1]) == (layers[1][:-1], True)
    finally:
        engine.remove_image(f"{name}-2:1")


def test_an_image_of_somebody_else_keeps_its_name(project: Project, engine: Engine, name: str) -> None:
    engine.tag("python:3.11-slim", f"{name}:1")
    try:
        with pytest.raises(ConflictError, match="was not made by mlem"):
            build(project, name)
    finally:
        engine.remove_image(f"{name}:1")


def test_the_folder_makes_the_same_image_as_the_builder(
    project: Project, engine: Engine, built: str, name: str, tmp_path: Path
) -> None:
    target = tmp_path / "ctx"
    builder = DockerDirBuilder.from_data({"target": str(target)}, "the test")
    builder.build(api.load_meta("double", str(project.folder)), lambda _line: None)
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(target, ".")
        for attempt in range(3):
            file.seek(0)
            try:
                engine._client.images.build(fileobj=file, custom_context=True, tag=f"{name}:hand", rm=True)
                break
            except docker.errors.BuildError:
                # others on this Engine remove their images, with layers that this one begins with
                if attempt == 2:
                    raise
    try:
        first, second = engine.image(built), engine.image(f"{name}:hand")
        assert first is not None
        assert second is not None
        # "Image" is the id of the step before, which the model's file modes have part in
        configs = [
            {key: value for key, value in found["Config"].items() if key != "Image"} for found in (first, second)
        ]
        assert (configs[0], len(first["RootFS"]["Layers"])) == (configs[1], len(second["RootFS"]["Layers"]))
    finally:
        engine.remove_image(f"{name}:hand")


@pytest.mark.parametrize(
    ("command", "variables", "port"),
    [(["serve"], {}, 8080), ([], {"PORT": "5678"}, 5678)],
    ids=["as on SageMaker", "as on Heroku"],
)
def test_one_image_serves_every_platform(
    engine: Engine, built: str, name: str, command: list[str], variables: dict[str, str], port: int
) -> None:
    settings = {
        "command": command,
        "environment": variables,
        "ports": {f"{port}/tcp": ("127.0.0.1", None)},
        "user": "34567:34567",
    }
    id_ = engine.create(built, f"{name}-run", settings)
    try:
        engine.start(id_, name)
        found = engine.container(id_)
        assert found is not None
        url = f"http://127.0.0.1:{found['NetworkSettings']['Ports'][f'{port}/tcp'][0]['HostPort']}"
        _await(f"{url}/ping")
        body = json.dumps({"numbers": SAMPLE}).encode()
        answers = [_post(f"{url}/{path}", body) for path in ("predict", "invocations")]
        assert answers == [[2.0, 4.0, 6.0]] * 2
    finally:
        engine.remove_container(id_)


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, url
            time.sleep(0.05)


def _post(url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_the_health_check_reports_the_server(project: Project, engine: Engine, built: str) -> None:
    found = engine.image(built)
    assert found is not None
    probe = found["Config"]["Healthcheck"]["Test"][1:]
    assert probe[:4] == ["/venv/bin/python", "-I", "-S", "-c"]
    id_ = engine.create(built, f"{built.split(':')[0]}-health", {})
    try:
        engine.start(id_, built)
        deadline = time.monotonic() + 60
        while (code := engine._client.containers.get(id_).exec_run(probe).exit_code) != 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert code == 0
    finally:
        engine.remove_container(id_)


def test_images_go_through_a_registry(project: Project, engine: Engine, name: str, push_registry: str) -> None:
    options = [
        "--container_name",
        name,
        "--image_name",
        f"team/{name}",
        "--image_tag",
        "live",
        "--env.registry.host",
        push_registry,
    ]
    assert project.run("docker", APP, "double", options).returncode == 0
    state = project.handle(APP).state()
    assert state is not None
    reference = state.records["image"]["image"]
    assert reference.startswith(f"{push_registry}/team/{name}:")
    with urllib.request.urlopen(f"http://{push_registry}/v2/team/{name}/tags/list", timeout=10) as response:
        assert sorted(json.load(response)["tags"]) == sorted([reference.rpartition(":")[2], "live"])
    assert project.run("docker", APP, "triple").returncode == 0
    # the image of release 1 is lost here, and still in the registry
    image.remove_old(engine, state.lineage, [project.handle(APP).releases()[0].records["image"]["image"]])
    assert engine.image(reference) is None
    done = project.mlem("deployment", "rollback", APP)
    assert done.returncode == 0, done.stderr
    with project.handle(APP).get_client() as client:
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
    assert project.mlem("deployment", "remove", APP).returncode == 0
    assert engine.images(f"{LINEAGE_LABEL}={state.lineage}") == []


def test_what_was_built_for_a_deployment_goes_with_it(project: Project, engine: Engine, name: str) -> None:
    options = ["--container_name", name, "--packages", "six==1.17.0"]
    recipe = Recipe.of(ImageOptions(packages=["six==1.17.0"]), api.load_meta("double", str(project.folder)))
    assert project.run("docker", APP, "double", options).returncode == 0
    assert project.mlem("deployment", "remove", APP).returncode == 0
    assert engine.images(f"{BUILDER_LABEL}={recipe.requirements_digest}", dangling=True) == []


def test_the_docker_command_builds_the_folder(project: Project, engine: Engine, name: str, tmp_path: Path) -> None:
    done = project.mlem("build", "docker_dir", "double", "--target", str(tmp_path / "ctx"))
    assert done.returncode == 0, done.stderr
    try:
        subprocess.run(
            ["docker", "build", "-q", "-t", f"{name}:cli", str(tmp_path / "ctx")],
            check=True,
            capture_output=True,
            timeout=300,
        )
        assert engine.image(f"{name}:cli") is not None
    except FileNotFoundError:
        pytest.skip("the docker command is not installed")
    finally:
        engine.remove_image(f"{name}:cli")
