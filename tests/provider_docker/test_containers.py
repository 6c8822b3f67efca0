"""Containers on a real Engine, where it is harder than it looks."""

from __future__ import annotations

import time

from mlem_provider_docker import Engine


def test_a_container_that_waits_for_its_restart_is_stopped_and_renamed(engine: Engine, name: str) -> None:
    settings = {"command": ["false"], "restart_policy": {"Name": "always"}, "detach": True}
    id_ = engine.create("python:3.11-slim", name, settings)
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
