"""The releases of a deployment: how the newest comes to be, and how an earlier one is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem.deployments.resolving.resolve import Target
from mlem.state.locks.owner import now
from mlem.state.provenance import Provenance
from mlem.state.state import GateSample, Release, State
from mlem_model.errors import NotFoundError


def next_number(target: Target, state: State, model_hash: str) -> int:
    """Return the number that a release has which a run of the declaration makes."""
    served = state.served
    return (served.number + (0 if _is_repair(served, model_hash, target.declaration()) else 1)) if served else 1


def _is_repair(served: Release, model_hash: str, declaration: Mapping[str, Any]) -> bool:
    """Whether it is the same release again, which was only repaired, as after a process has died."""
    return (served.model_hash, served.declaration) == (model_hash, declaration)


def released(
    target: Target,
    state: State,
    model_hash: str,
    made: Provenance,
    source: Release | None = None,
    gate: Mapping[str, GateSample] | None = None,
) -> State:
    """Return a state with one release more, whose records have passed the gate.

    Args:
        target: The deployment.
        state: What is on record now.
        model_hash: Digest of the model that serves.
        made: Who made it; what was only repaired keeps its own.
        source: The earlier release that was put back; None for a run.
        gate: What a run asked, and was answered.
    """
    declaration = source.declaration if source else target.declaration()
    served = state.served
    # rollback must not count what was only repaired
    repaired = source is None and served is not None and _is_repair(served, model_hash, declaration)
    # What MLEM 0.4 made can't be put back once another serves: the platform may have deleted it.
    earlier = [release for release in (state.releases[1:] if repaired else state.releases) if not release.adopted]
    release = Release(
        number=(served.number + (0 if repaired else 1)) if served else 1,
        model_hash=model_hash,
        declaration=declaration,
        records=state.records,
        created=served.created if repaired and served else now(),
        rollback_of=source.number if source else None,
        adopted=source.adopted if source else False,
        made=served.made if repaired and served else made,
        gate=source.gate if source else dict(gate or {}),
    )
    kept = (release, *map(_without_ancestors, earlier))[: target.deployment.keep_releases]
    return state.model_copy(update={"model_hash": model_hash, "declaration": declaration, "releases": kept})


def _without_ancestors(release: Release) -> Release:
    """Return a release that does not serve any more: nobody asks what its commit contains."""
    if release.made is None or not release.made.ancestors:
        return release
    return release.model_copy(update={"made": release.made.model_copy(update={"ancestors": ()})})


def find_release(state: State, number: int | None) -> Release:
    """Return the release of a number, or the one before the newest.

    Raises:
        NotFoundError: There is none.
    """
    if number is None:
        if len(state.releases) < 2:
            raise NotFoundError(
                "there is no earlier release to go back to", hint="mlem deployment releases shows what is kept"
            )
        return state.releases[1]
    found = next((release for release in state.releases if release.number == number), None)
    if found is None:
        raise NotFoundError(f"no release {number}", known=[str(release.number) for release in state.releases])
    return found
