"""Servers of this machine that no state has on record: found by what a deployment leaves beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlem.provider import Candidate, Owner
from mlem_provider_local import process

if TYPE_CHECKING:
    from mlem_provider_local.deployment import LocalContext

_ABOUT = "deployment.json"
_MOST_BYTES = 4096


def write_about(home: Path, name: str) -> None:
    """Note in a deployment's folder what it is called: its servers have no more than its lineage."""
    (home / _ABOUT).write_text(json.dumps({"name": name}), encoding="utf-8")


def candidates(ctx: LocalContext, id_: str | None) -> list[Candidate]:
    """Return the servers of a deployment by their process ids.

    Args:
        ctx: The context.
        id_: A process id; None for those of this deployment's name.
    """
    found = [_candidate(ctx, server) for server in process.find_all() if not server.orphan]
    return [one for one in found if (one.id == id_ if id_ is not None else one.owner.deployment == ctx.name)]


def _candidate(ctx: LocalContext, server: process.Server) -> Candidate:
    label = server.label
    since = datetime.fromtimestamp(server.started, UTC).isoformat(timespec="seconds")
    what = f"the process {server.pid} on port {label.port}, since {since}"
    return Candidate(str(server.pid), what, Owner(label.lineage, _name(ctx.env.home(label.lineage))), label.model_hash)


def _name(home: Path) -> str | None:
    """Return what a deployment is called; None where an earlier version has not noted it."""
    try:
        with (home / _ABOUT).open("rb") as file:
            name = json.loads(file.read(_MOST_BYTES)).get("name")
    except (OSError, ValueError, AttributeError):
        return None
    return name if isinstance(name, str) else None
