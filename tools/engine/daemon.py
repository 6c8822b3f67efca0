"""The Docker Engine: the one that answers, else one started here."""

from __future__ import annotations

import os
import subprocess
import sys

from machine import background, need, note, wait_for


def answers() -> bool:
    """Whether an Engine answers at the docker CLI's address."""
    try:
        done = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=20, check=False)
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
    log = background("dockerd", [dockerd, "--log-level", "warn"])
    wait_for("dockerd", answers, log)
    note("the Engine is started")


if __name__ == "__main__":
    start()
