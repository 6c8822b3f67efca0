"""Containers that no state has on record: found by our labels, or because a person points to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import NotFoundError
from mlem.provider import Candidate
from mlem_image import DEPLOYMENT_LABEL, MODEL_LABEL
from mlem_provider_docker.images.image import owner
from mlem_provider_docker.ownership import is_our_container

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine


def candidates(engine: Engine, deployment: str, id_: str | None) -> Sequence[Candidate]:
    """Return what could be taken over.

    Args:
        engine: Where it is looked for.
        deployment: The deployment's name.
        id_: The name or the id of a container; None for those that have the deployment's label.
    """
    ids = [item["Id"] for item in engine.containers(deployment, DEPLOYMENT_LABEL)] if id_ is None else [id_]
    return [_candidate(found) for one in ids if (found := engine.container(one)) is not None]


def found_by_hand(engine: Engine, id_: str) -> Mapping[str, Any]:
    """Return a container that a person points to in the form in which MLEM 0.4 had one on record.

    Raises:
        NotFoundError: There is none.
    """
    found = engine.container(id_)
    if found is None:
        raise NotFoundError(f"there is no container {id_} on {engine.place().words}", code="container-not-found")
    return {"container_id": found["Id"], "container_name": str(found["Name"]).lstrip("/")}


def _candidate(found: Mapping[str, Any]) -> Candidate:
    labels, id_ = found["Config"].get("Labels") or {}, str(found["Id"])
    made = is_our_container(labels, str(found.get("Image")))
    name, phase = str(found["Name"]).lstrip("/"), str(found["State"].get("Status"))
    what = f"the container {name} ({id_[:12]}), {phase}, made at {str(found.get('Created'))[:19]}"
    return Candidate(id_[:12], what, owner(labels, made=made), labels.get(MODEL_LABEL) if made else None)
