"""Drift: what somebody changed of a container by ``docker update`` or ``docker network``, and changed secrets.

A container is compared with what it was when it was made: an Engine may not do all that it is asked for, and then that
is not a change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mlem.provider import TOKENS_VARIABLE, seen_protection
from mlem_provider_docker.records import AsMade, ContainerRecord


def as_made(found: Mapping[str, Any]) -> AsMade:
    """Return the settings of an inspected container that can be changed while it runs."""
    host = found.get("HostConfig") or {}
    memory, cpus = host.get("Memory") or 0, host.get("NanoCpus") or 0
    return AsMade(
        memory_mib=memory // 2**20 or None,
        cpus=cpus / 1e9 or None,
        restart_policy=(host.get("RestartPolicy") or {}).get("Name") or "no",
        network=" and ".join(sorted((found.get("NetworkSettings") or {}).get("Networks") or {})) or "disconnected",
    )


def observed(found: Mapping[str, Any], recorded: ContainerRecord) -> dict[str, Any]:
    """Return the fields of a record that are not as they were made, with what they are now."""
    made = recorded.as_made.to_data() if recorded.as_made else {}
    changed = {key: value for key, value in as_made(found).to_data().items() if made and made.get(key) != value}
    stale = stale_names(found, recorded.pass_environment)
    protected, known = seen_protection(recorded, variables_of(found)), {"tokens": recorded.tokens, "tls": recorded.tls}
    changed |= {key: value for key, value in protected.items() if value != known[key]}
    return {
        **changed,
        **({"pass_environment": [name for name in recorded.pass_environment if name not in stale]} if stale else {}),
    }


def variables_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that an inspected container has."""
    pairs = (item.partition("=") for item in (found.get("Config") or {}).get("Env") or [])
    return {name: value for name, _, value in pairs}


def stale_names(found: Mapping[str, Any], names: list[str]) -> list[str]:
    """Return the variables that a container has with another value than here; where they are not set, nobody can tell.

    The server's tokens are told apart: see `mlem.provider.protection`.
    """
    there = variables_of(found)
    return [
        name for name in names if name != TOKENS_VARIABLE and name in os.environ and there.get(name) != os.environ[name]
    ]
