"""A receipt: what serves, put together for whoever has to show it later."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mlem.deployments.edge import plugin_edge
from mlem.deployments.releases.kept import find_release
from mlem.deployments.resolving.resolve import Target, resolve_model
from mlem.state.state import Release, State
from mlem_model.errors import MlemError

FORMAT = 1
"""The version of a receipt's fields."""


@plugin_edge()
def receipt(target: Target, state: State, number: int | None = None) -> dict[str, Any]:
    """Return what is on record of a release, as plain data.

    Args:
        target: The deployment.
        state: Its state, with a release.
        number: The release's number; the one that serves when None.

    Raises:
        NotFoundError: There is no such release.
    """
    release = state.releases[0] if number is None else find_release(state, number)
    declaration = json.dumps(release.declaration, sort_keys=True, separators=(",", ":"), default=str)
    return {
        "receipt": FORMAT,
        "name": target.name,
        "type": state.type,
        "project": state.project,
        "lineage": state.lineage,
        "place": state.place.model_dump() if state.place else None,
        "release": release.number,
        "serves": release is state.served,
        "passed_gate": release.created,
        "gate": {method: sample.model_dump() for method, sample in release.gate.items()},
        "made": release.made.model_dump(mode="json", exclude={"ancestors"}) if release.made else None,
        "rollback_of": release.rollback_of,
        "model": _model(target, release),
        "config": {"declaration": release.declaration, "sha256": hashlib.sha256(declaration.encode()).hexdigest()},
        "resources": release.records,
        "history": [event.model_dump(mode="json") for event in state.history],
    }


def _model(target: Target, release: Release) -> dict[str, Any]:
    """Return what is known of the release's model; its files are told where they are still here as they were."""
    known: dict[str, Any] = {"name": release.declaration.get("model"), "digest": release.model_hash}
    try:
        model, _ = resolve_model(str(known["name"]), target.location)
    except MlemError as error:
        return {**known, "unread": error.message}
    if model.digest != release.model_hash:
        return {**known, "unread": f"another model has the name now: {model.digest}"}
    artifacts = {
        name: {"sha256": one.sha256, "size_bytes": one.size_bytes, "format": one.format}
        for name, one in model.artifacts.items()
    }
    return {**known, "artifacts": artifacts, "requirements": [one.pip for one in model.requirements]}
