"""A second Docker Engine on this machine, as another computer's: with its own data, address and bridge.

For Linux, as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_S = 60
_STOP_S = 30


class CannotStartError(Exception):
    """What is lacking for another Engine."""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run another Engine.

    Args:
        folder: For its data; a bridge is named after the process that asks.

    Yields:
        Its address: ``unix:///...``.

    Raises:
        CannotStartError: It takes root, ``dockerd`` and ``ip``; or it did not start.
    """
    if os.geteuid() or not all(map(shutil.which, ("dockerd", "docker", "ip"))):
        raise CannotStartError("another Engine takes root, dockerd, docker and ip")
    bridge = f"mlem{os.getpid() % 100_000}"
    host = f"unix://{folder}/docker.sock"
    # With --bridge=none it would delete the bridge of the first Engine.
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", f"10.{os.getpid() % 200 + 20}.0.1/24", "dev", bridge], check=True)
    arguments = [
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/pid",
        "-H",
        host,
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["dockerd", *arguments, "--iptables=false", "--bridge", bridge, "--log-level", "error"],
            stdout=log,
            stderr=log,
        )
    try:
        _await(process, host, folder / "log")
        yield host
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        subprocess.run(["ip", "link", "delete", bridge], check=False)


def _await(process: subprocess.Popen[bytes], host: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while subprocess.run(["docker", "-H", host, "version"], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStartError(f"a second dockerd did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)
