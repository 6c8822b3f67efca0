"""Containers on a real Engine, where it is harder than it looks."""

from __future__ import annotations

import subprocess
import time

import pytest

from mlem_provider_docker import Engine
from mlem_provider_docker.containers.container import settings
from mlem_provider_docker.records import ContainerRecord


def test_a_container_that_waits_for_its_restart_is_stopped_and_renamed(engine: Engine, name: str) -> None:
    restarting = {"command": ["false"], "restart_policy": {"Name": "always"}, "detach": True}
    id_ = engine.create("python:3.11-slim", name, restarting)
    try:
        engine.start(id_, name)
        until = time.monotonic() + 30
        # after some starts the Engine waits for seconds before the next one
        while not ((found := engine.container(id_)) and found["State"]["Restarting"] and found["RestartCount"] > 4):
            assert time.monotonic() < until, found
        assert engine.rename(id_, f"{name}-parked")
        found = engine.container(id_)
        assert found is not None
        assert (found["Name"], found["State"]["Running"], engine.container(name)) == (f"/{name}-parked", False, None)
        assert not engine.rename(id_, f"{name}-again"), "it was stopped already"
    finally:
        engine.remove_container(id_)
    assert not engine.rename(id_, name), "what is gone needs no name"


@pytest.mark.parametrize("gpus", ["all", "2", "device=0", "device=0,GPU-1a"])
def test_gpus_are_asked_for_as_the_docker_command_does(engine: Engine, name: str, gpus: str) -> None:
    wanted = ContainerRecord(container_port=8080, bind_address="127.0.0.1", restart_policy="no", gpus=gpus)
    quoted = f'"{gpus}"' if "," in gpus else gpus  # the command reads its option as CSV
    subprocess.run(
        ["docker", "create", "--name", f"{name}-by-hand", "--gpus", quoted, "python:3.11-slim"],
        check=True,
        capture_output=True,
    )
    try:
        engine.create("python:3.11-slim", name, settings(wanted, 21999, "0" * 32, "app", ""))
        ours, by_hand = engine.container(name), engine.container(f"{name}-by-hand")
        assert ours is not None
        assert by_hand is not None
        asked, there = (
            {key: value or None for key, value in found["HostConfig"]["DeviceRequests"][0].items()}
            for found in (ours, by_hand)
        )
        assert asked == there
    finally:
        subprocess.run(["docker", "rm", "-f", name, f"{name}-by-hand"], check=False, capture_output=True)
