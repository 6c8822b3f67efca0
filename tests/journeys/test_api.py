"""Deploying from Python, with the local provider."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlem import api
from mlem.testing import Project
from mlem_model.errors import ConflictError

SILENT = """
import gc, io, json, logging, os, signal, sys, threading, warnings
sys.path.insert(0, os.getcwd())

def seen():
    return {
        "signals": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "handlers": [repr(h) for h in logging.getLogger().handlers] + [
            name for name, log in logging.root.manager.loggerDict.items() if getattr(log, "handlers", None)],
        "levels": [logging.getLogger().level, logging.getLogger("mlem").level, logging.root.manager.disable],
        "warnings": [repr(one) for one in warnings.filters],
        "showwarning": repr(warnings.showwarning),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook), repr(sys.unraisablehook)],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "streams": [id(sys.stdout), id(sys.stderr), id(sys.stdin)],
        "path": list(sys.path),
        "recursion": sys.getrecursionlimit(),
        "umask": open("/proc/self/status").read().split("Umask:")[1].split()[0],
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }

def descriptors():
    gc.collect()
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    found = [os.readlink(link) for link in links if os.path.exists(link)]
    return sorted(found)

before = seen()
import mlem.api
from mlem.api import HttpClient, LockOptions, Phase, MlemError
after_import = seen()

def double(x: int) -> int:
    return 2 * x

mlem.api.init(".")
model = mlem.api.save(double, "double", sample_data=1)
mlem.api.save([1, 2], "rows")
assert mlem.api.load("double")(4) == 8
descriptors_before = descriptors()
handle = mlem.api.deploy("local", "app", model=model, lock=LockOptions(timeout_s=60))
handle.wait(Phase.RUNNING)
with handle.get_client(timeout_s=60) as client:
    assert client.predict(4) == 8
import asyncio
async def ask():
    with handle.get_client() as client:
        return await client.call_async("predict", 5)
assert asyncio.run(ask()) == 10
try:
    mlem.api.load("nothing")
except MlemError:
    pass
assert [name for name, _ in mlem.api.deployments()] == ["app"]
handle.remove()
del handle, client
print(json.dumps([before == after_import, [name for name, value in seen().items() if value != before[name]],
                  [name for name in descriptors() if name not in descriptors_before]]))
"""


def test_a_program_that_uses_the_api_finds_everything_as_it_was(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.stdout, done.stderr) == ("[true, [], []]\n", "")


def test_the_command_line_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    project.save("triple", 3.0)
    assert project.run("local", "app", "double", ["--keep_releases=5"]).returncode == 0
    before = (project.folder / "app.mlem").read_text()
    try:
        done = project.mlem("deployment", "run", "local", "app", "--model", "tripel")
        assert (done.returncode, (project.folder / "app.mlem").read_text()) == (3, before)
        with pytest.raises(ConflictError, match="declares a local_process, not a docker_container"):
            api.deploy("docker", "app", model="double", project=project.folder)
        assert (project.folder / "app.mlem").read_text() == before
        assert project.run("local", "app", "triple").returncode == 0
        found = api.load_meta("app", project.folder)
        assert (found.model, found.keep_releases) == ("triple", 5)
    finally:
        project.mlem("deployment", "remove", "app")
