"""A container of a model that misbehaves.

It is started again, nothing of it stays behind, and its root may be read-only.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from waiting import wait_until

from mlem import api
from mlem.testing import Project
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.builders import DockerBuilder

SAVE = """
import mlem.api
def predict(how: str) -> list[int]:
    import ctypes, glob, subprocess
    if how == "loop":
        while True:
            pass
    if how == "C":
        ctypes.PyDLL(None).sleep(1000)
    if how == "orphans":
        return [subprocess.run(["sh", "-c", f"sleep 0.1 & exit {code}"]).returncode for code in (0, 7)]
    states = []
    for name in glob.glob("/proc/[0-9]*/stat"):
        with open(name) as file:
            states.append(file.read().rpartition(")")[2].split()[0])
    return [len(states), states.count("Z")]
mlem.api.save(predict, "parent", sample_data="orphans")
"""


until = partial(wait_until, timeout_s=120)
"""A container takes longer than a process."""


@pytest.fixture
def start(project: Project, engine: Engine, name: str) -> Iterator[Callable[..., Any]]:
    """Starts a container of the model."""
    assert project.python("-c", SAVE).returncode == 0
    builder = DockerBuilder.from_data({"image_name": name, "tag": "1"}, "the test")
    builder.build(api.load_meta("parent", str(project.folder)), lambda _line: None)
    made: list[Any] = []

    def run(**options: Any) -> Any:
        made.append(
            engine._client.containers.run(f"{name}:1", detach=True, ports={"8080/tcp": ("127.0.0.1", None)}, **options)
        )
        until(lambda: get(made[-1], "/readyz"))
        return made[-1]

    yield run
    for container in made:
        container.remove(force=True)
    engine.remove_image(f"{name}:1")


def get(container: Any, path: str, data: bytes | None = None) -> bytes | None:
    container.reload()
    ports = container.ports.get("8080/tcp")
    if not ports:
        return None
    request = urllib.request.Request(
        f"http://127.0.0.1:{ports[0]['HostPort']}{path}", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # our own container
            return bytes(answer.read())
    except OSError:
        return None


def ask(container: Any, how: str) -> Any:
    answer = get(container, "/predict", json.dumps({"how": how}).encode())
    return None if answer is None else json.loads(answer)


def test_a_read_only_root_without_a_tmpfs_is_enough_for_several_workers_and_nothing_stays_behind(
    start: Callable[..., Any],
) -> None:
    container = start(read_only=True, environment={"MLEM_SERVER_WORKERS": "2"})
    for _ in range(10):
        assert until(lambda: ask(container, "orphans")) == [0, 7]
    until(lambda: ask(container, "states") == [4, 0])  # who watches, the template, and two workers
    lines = (get(container, "/metrics") or b"").decode().splitlines()
    (counted,) = [
        float(line.split()[1]) for line in lines if line.startswith('mlem_requests_total{code="200",method="predict",')
    ]
    assert counted >= 11
    assert "can be written" not in container.logs().decode()
    container.stop()
    assert container.wait()["StatusCode"] == 0


def test_one_process_clears_away_what_the_model_leaves_and_keeps_its_exit_codes(start: Callable[..., Any]) -> None:
    container = start(read_only=True)
    for _ in range(10):
        assert ask(container, "orphans") == [0, 7]
    until(lambda: ask(container, "states") == [2, 0])
    container.stop()
    assert container.wait()["StatusCode"] == 0


@pytest.mark.parametrize("how", ["loop", "C"])
def test_a_model_that_hangs_is_started_again_by_the_restart_policy(start: Callable[..., Any], how: str) -> None:
    bounds = {"MLEM_SERVER_REQUEST_TIMEOUT_S": "1", "MLEM_SERVER_HANG_TIMEOUT_S": "3"}
    container = start(environment=bounds, restart_policy={"Name": "on-failure", "MaximumRetryCount": 5})
    assert ask(container, how) is None

    def restarts() -> int:
        container.reload()
        return int(container.attrs["RestartCount"])

    until(restarts)
    assert until(lambda: ask(container, "orphans")) == [0, 7]
    assert "in predict" in container.logs().decode()


def test_a_container_that_was_paused_has_not_hung(start: Callable[..., Any]) -> None:
    container = start(environment={"MLEM_SERVER_REQUEST_TIMEOUT_S": "1", "MLEM_SERVER_HANG_TIMEOUT_S": "2"})
    container.pause()
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 5)  # so long it must be, longer than the bound
    container.unpause()
    assert until(lambda: ask(container, "orphans")) == [0, 7]
    container.reload()
    assert (container.attrs["State"]["Running"], container.attrs["RestartCount"]) == (True, 0)
    assert "sign of life" not in container.logs().decode()
