"""No silent last writer: a run stops, before anything is done, where it would undo what somebody did on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlem.project.git import SHORT, Commit, is_older
from mlem.state.state import Release, State
from mlem_model.errors import ConflictError


def expect_release(name: str, state: State, number: int | None) -> None:
    """Check that the release is serving that whoever runs has looked at.

    Args:
        name: The deployment's name.
        state: Its state, under the lock.
        number: The release; 0 for none, None for any.

    Raises:
        ConflictError: Another one serves, or none.
    """
    serving = state.served.number if state.served else 0
    if number is not None and number != serving:
        found = f"release {serving} serves{_by(state.served)}" if state.served else "nothing is deployed"
        raise ConflictError(
            f'"{name}": expected release {number}, but {found}',
            code="other-release",
            hint=f"look at it: mlem deployment releases {name}; then repeat the command with the release that serves",
        )


def expect_not_older(name: str, root: Path, state: State, commit: Commit | None) -> str | None:
    """Check that the project's commit is not older than the one that serves was made from.

    Args:
        name: The deployment's name.
        root: The project's folder.
        state: Its state, under the lock.
        commit: The project's commit; None where it is not known.

    Returns:
        What to tell, where it can't be known; None otherwise.

    Raises:
        ConflictError: It is an ancestor of that commit.
    """
    made = state.served.made if state.served else None
    if commit is None or made is None or not made.commit or not state.served:
        return None
    deployed = made.commit
    older = commit.sha[:SHORT] in made.ancestors or is_older(root, commit.sha, deployed)
    if older is None:
        return f"note: release {state.served.number} is of commit {deployed[:10]}, which this clone does not have"
    if older:
        raise ConflictError(
            f'"{name}": the project is at commit {commit.sha[:10]}, which is older than {deployed[:10]}, '
            f"the one of release {state.served.number} that serves{_by(state.served)}",
            code="older-commit",
            hint="update the project: git pull; or, to go back on purpose, use mlem deployment rollback, "
            "or repeat the command with --allow-older",
        )
    return None


def expect_not_rolled_back(
    name: str, state: State, model_hash: str, declaration: Mapping[str, Any], *, again: bool
) -> None:
    """Check that a run does not bring back what somebody rolled back.

    Args:
        name: The deployment's name.
        state: Its state, under the lock.
        model_hash: The model that is to serve.
        declaration: What is to be deployed, as a state keeps it.
        again: Whether it was asked for.

    Raises:
        ConflictError: It was rolled back.
    """
    found = _rolled_back(state.releases, model_hash, declaration)
    if found is not None and not again:
        back, by = found
        raise ConflictError(
            f'"{name}": this is what release {back.number} was, which was rolled back: release {by.number} put '
            f"{by.rollback_of} back{_by(by)}",
            code="rolled-back",
            hint="if it is to serve after all: repeat the command with --again",
        )


def _rolled_back(
    releases: Sequence[Release], model_hash: str, declaration: Mapping[str, Any]
) -> tuple[Release, Release] | None:
    """Find the newest release of this content, and the later one that put an earlier one back in its place."""
    for at, release in enumerate(releases):
        if (release.model_hash, release.declaration) == (model_hash, declaration):
            later = (one for one in releases[:at] if one.rollback_of is not None and one.rollback_of < release.number)
            by = next(later, None)
            return None if by is None else (release, by)
    return None


def _by(release: Release | None) -> str:
    words = release.made.describe() if release and release.made else ""
    return f" ({words})" if words else ""
