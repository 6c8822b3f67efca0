"""The Docker Engine: the one that answers, else one started here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from machine import background, need, note, wait_for


def answers() -> bool:
    """Whether an Engine answers at the docker CLI's address."""
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=20, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def start() -> None:
    """Start an Engine unless one answers."""
    need("docker", "docker.io", "iptables")
    if answers():
        note("the Engine answers already")
        return
    if os.geteuid():
        sys.exit("no Engine answers, and starting one takes root")
    dockerd = need("dockerd", "docker.io", "iptables")
    need("iptables", "iptables")
    _forget_dead()
    log = background("dockerd", [dockerd, "--log-level", "warn"])
    wait_for("dockerd", answers, log)
    note("the Engine is started")


def _forget_dead() -> None:
    """Remove the pid files of an Engine that was killed.

    Dockerd waits for whatever process has those pids, a zombie included.
    """
    for path, name in (("/var/run/docker.pid", "dockerd"), ("/var/run/docker/containerd/containerd.pid", "containerd")):
        pid_file = Path(path)
        if not pid_file.exists():
            continue
        status = Path("/proc", pid_file.read_text().strip(), "status")
        text = status.read_text() if status.exists() else ""
        if f"Name:\t{name}" not in text or "State:\tZ" in text:
            pid_file.unlink()


if __name__ == "__main__":
    start()
