"""This machine, for the scripts beside: packages of Debian, programs in the background, waiting."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("MLEM_TEST_CACHE", "/var/cache/mlem-test"))
RUN = Path("/run/mlem-test")


def note(line: str) -> None:
    """Say what is done, on stderr: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def need(program: str, *packages: str) -> str:
    """Return the path of a program; its Debian packages are installed where it is lacking."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found:
        return found
    note(f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=True, stdout=sys.stderr)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    subprocess.run(install, env=environment, check=True, stdout=sys.stderr)
    return need(program)


def background(name: str, command: Sequence[str]) -> Path:
    """Start a program that outlives this one; return its log file, and keep its pid in ``RUN/<name>.pid``."""
    RUN.mkdir(parents=True, exist_ok=True)
    log = RUN / f"{name}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
    (RUN / f"{name}.pid").write_text(f"{process.pid}\n")
    return log


def wait_for(what: str, ready: Callable[[], bool], log: Path, timeout_s: float = 60.0) -> None:
    """Wait until something is ready; end with the last lines of its log when it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            lines = log.read_text(errors="replace").splitlines()[-20:]
            sys.exit("\n".join([f"{what} is not ready after {timeout_s:g} s; its log says:", *lines]))
        time.sleep(0.1)
