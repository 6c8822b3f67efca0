"""States of MLEM 0.4: the provider takes over what they have on record, and it is recorded in this version's form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlem.deployments.deployment import Deployment
from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.locking import LockOptions, expect_identity, lock_request
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.upkeep.adopting import adopted_state, take_over
from mlem.migrating.old_file import OldFile, parsed
from mlem.migrating.result import Result
from mlem.migrating.settings import secret_notes
from mlem.project.project import Location
from mlem.state.adopted import Adopted
from mlem.state.manager import StateManager
from mlem.state.pointer import write_pointer
from mlem.state.state import STATE_EXTENSION, State, is_state_04
from mlem_model.errors import ConflictError
from mlem_model.objects.files import shown


@dataclass(frozen=True)
class OldState:
    """A state that MLEM 0.4 wrote.

    Attributes:
        where: Its file or URL.
        data: Its content.
        content: The same, in bytes.
        file: The file beside the declaration; None where a state manager has it.
    """

    where: str
    data: Mapping[str, Any]
    content: bytes
    file: OldFile | None

    @property
    def lineage(self) -> str:
        """The lineage of what is taken over: the same at every attempt, so that an interrupted one can be repeated."""
        return hashlib.sha256(b"mlem 0.4\n" + self.content).hexdigest()[:32]


def find_local(location: Location) -> OldState | None:
    """Return the state of MLEM 0.4 beside a declaration; None where there is none, or one of this version."""
    path = location.root / f"{location.key}{STATE_EXTENSION}"
    if not path.is_file():
        return None
    file = OldFile.read(path)
    return OldState(shown(path), file.data, file.content, file) if is_state_04(file.data) else None


def find_shared(location: Location, manager: StateManager) -> OldState | None:
    """Return the state of MLEM 0.4 that a state manager has; None where there is none."""
    content = manager.read_04(location.root, location.key)
    if content is None:
        return None
    where = f"{getattr(manager, 'uri', manager.type)}: {location.key}"
    return OldState(where, parsed(content, where), content, None)


def words_of(old: OldState, deployment: Deployment) -> str:
    """Say what a state has on record; empty if nothing is deployed.

    Raises:
        ConflictError: It is of another type than the declaration.
    """
    if old.data.get("type") != deployment.type:
        raise ConflictError(
            f"{old.where}: deployed as {old.data.get('type')}, declared as {deployment.type}",
            code="other-type",
            hint=f"remove it with MLEM 0.4, or set type: {old.data.get('type')} in the declaration",
        )
    with plugin_edge():
        return deployment.words_04(old.data)


def two_states(one: str, other: str) -> ConflictError:
    """Return the error for a deployment that has two states, of which only its owner knows which one is right."""
    return ConflictError(
        f"there are two states: {one}; and {other}, of MLEM 0.4",
        code="two-states",
        hint="compare them, and move the wrong one away",
    )


def adopt(old: OldState, target: Target, report: Callable[[str], None]) -> Adopted:
    """Let the provider take over what a state has on record.

    Raises:
        MlemError: See `Deployment.adopt_04`.
    """
    expect_identity(target)
    found = target.store.read(target.name)
    if found is not None and (old.file is None or found.data != old.content):
        there = State.from_bytes(found.data, target.store.where(target.name))
        if there.lineage != old.lineage:
            raise two_states(f"{target.store.where(target.name)}, which is of this version", old.where)
    begun = State(type=target.deployment.type, lineage=old.lineage)
    return take_over(target, begun, report, lambda ctx: target.deployment.adopt_04(ctx, old.data))


def write(old: OldState, adopted: Adopted, target: Target) -> str:
    """Record what was taken over, and set the old state aside; return where it is.

    Raises:
        ConflictError: Somebody else changed the state in the meantime.
    """
    state = _state(old, adopted, target)
    store, name, root = target.store, target.name, target.location.root
    if old.file is not None and not target.manager.shared:
        backup = old.file.keep()
        store.write(name, state.to_bytes(), hashlib.sha256(old.content).hexdigest())
        return shown(backup)
    request = lock_request(
        target, "migrate", LockOptions(), initial=state, check=lambda there: _expect_same(target, there, old)
    )
    with target.manager.session(request) as session:
        if not session.current.releases:
            session.finish(state)
        write_pointer(target.manager, root, name)
    return set_aside(old, target)


def set_aside(old: OldState, target: Target) -> str:
    """Rename an old state, so that it is not used any more; return where it is."""
    if old.file is None:
        return target.manager.set_aside_04(target.location.root, target.name)
    backup = old.file.keep()
    old.file.path.unlink()
    return shown(backup)


def result_of(old: OldState, about: str, notes: tuple[str, ...], backup: str | None, *, empty: bool = False) -> Result:
    """Return the report on a state."""
    secrets = secret_notes(old.data, backup)
    action: Any = "set aside" if empty else "taken over"
    return Result(old.where, "state", str(old.data.get("type")), action, about, (*notes, *secrets), backup)


def _state(old: OldState, adopted: Adopted, target: Target) -> State:
    begun = State(type=target.deployment.type, lineage=old.lineage, project=target.config.project.id)
    return adopted_state(target, adopted, begun, str(old.data.get("model_hash") or "unknown"))


def _expect_same(target: Target, there: State, old: OldState) -> None:
    if there.lineage != old.lineage:
        raise two_states(target.store.where(target.name), old.where)
