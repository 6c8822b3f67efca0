"""As process 1 of a container, a server reaps orphans, passes signals on, and takes no exit codes from the model."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="a process namespace takes root and unshare"
)

FIRST = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture(scope="module")
def parent_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that starts processes, waits for some, and leaves others."""

    def predict(how: str) -> list[int]:
        import ctypes
        import subprocess

        if how == "crash":
            ctypes.string_at(0)
        if how == "C":
            ctypes.PyDLL(None).sleep(1000)
        subprocess.run(["sh", "-c", "sleep 0.1 & exit 0"], check=True)
        return [subprocess.run(["sh", "-c", f"exit {code}"], check=False).returncode for code in (0, 7)]

    path = tmp_path_factory.mktemp("parent") / "parent"
    save(predict, path, sample_data="", model_types=(CallableModel,))
    return path


def first_process(served: Any) -> psutil.Process:
    (first,) = psutil.Process(served.process.pid).children()
    return first


def states(served: Any) -> list[str]:
    """Return the states of all processes in the server's namespace."""
    found = []
    for process in [first_process(served), *first_process(served).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, and is cleared away
            found.append(process.status())
    return found


@pytest.mark.parametrize(("options", "count"), [((), 2), (("--workers", "2"), 4)])
def test_orphans_of_the_model_do_not_stay_as_zombies(
    starter: Any, parent_model: Path, options: tuple[str, ...], count: int
) -> None:
    served = starter.start(parent_model, *options, prefix=FIRST)
    for _ in range(20):
        answer = served.post("/predict", {"how": ""})
        assert answer.status == 503 or answer.json == [0, 7]
    wait_until(lambda: len(states(served)) == count and psutil.STATUS_ZOMBIE not in states(served))
    first_process(served).send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0
    assert "SIGTERM: finishing" in served.log
    assert served.log.rstrip().endswith("stopped")


def test_a_crash_has_its_name_and_its_exit_code(starter: Any, parent_model: Path) -> None:
    served = starter.start(parent_model, prefix=FIRST)
    with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
        served.post("/predict", {"how": "crash"})
    assert served.process.wait(60) == 128 + signal.SIGSEGV
    assert "the server was ended by SIGSEGV" in served.log


def test_a_hang_has_the_same_exit_code_whoever_notices_it(starter: Any, parent_model: Path) -> None:
    served = starter.start(parent_model, "--request-timeout-s", "1", "--hang-timeout-s", "3", prefix=FIRST)
    with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
        served.post("/predict", {"how": "C"})
    assert served.process.wait(60) == 11
    assert "gives no sign of life" in served.log


def test_a_server_that_cant_start_ends_with_its_own_code(starter: Any, tmp_path: Path) -> None:
    served = starter.start(tmp_path / "nothing", prefix=FIRST, wait=False)
    assert served.process.wait(60) == 3
