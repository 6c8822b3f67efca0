"""What is not needed any more: deployments that have expired, or whose declaration is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mlem.deployments.edge import plugin_edge
from mlem.deployments.overview.parallel import Parallel
from mlem.deployments.overview.selection import Stored
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.duration import in_words
from mlem.project.git import contains, head, is_older
from mlem.project.overlays import files_of
from mlem.project.project import Name
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import MlemError

LIMIT_S = 30.0
"""How long reading one state may take, in seconds."""


@dataclass(frozen=True)
class Garbage:
    """A deployment that may not be needed any more.

    Attributes:
        selected: Where it is.
        state: What is on record.
        why: The reason, in words.
        sure: Whether it is known not to be needed; False where it may be declared in another clone.
    """

    selected: Stored
    state: State
    why: str
    sure: bool = True

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.selected.name


@plugin_edge()
def find_garbage(project: Name | None = None, state: str | None = None) -> list[Garbage]:
    """Return the deployments of this project that have expired, or are not declared any more, sorted by name.

    One without a declaration here is known to be unneeded where the commit that it was made from had the declaration
    and this folder's commit, a later one, has not; or where nobody else uses the store. Others may be another clone's.

    Args:
        project: A folder of the project; the current one when None.
        state: The store: a URI, or ``local``; the project's own when None.

    Raises:
        StateUnknownError: The store did not answer.
        MlemError: A state can't be read.
    """
    store = NamedStore.at(state, project)
    names = list(store.store.names())

    def read(name: str) -> State | None:
        return read_state(store.store, name).state

    found = Parallel(read, limit_s=LIMIT_S).all(names)
    garbage = []
    for name, each in zip(names, found, strict=True):
        if isinstance(each, MlemError):
            raise each
        if each is not None and each.project == store.config.project.id:
            one = _expired(store, name, each) or _undeclared(store, name, each)
            garbage += [one] if one else []
    return garbage


def _expired(store: NamedStore, name: str, state: State) -> Garbage | None:
    if state.expires is None:
        return None
    over_s = (datetime.now(UTC) - datetime.fromisoformat(state.expires)).total_seconds()
    return Garbage(Stored(name, store), state, f"expired {in_words(over_s)} ago") if over_s >= 0 else None


def _undeclared(store: NamedStore, name: str, state: State) -> Garbage | None:
    files = files_of(name)
    if state.empty or any((store.root / file).exists() for file in files):
        return None
    if not store.manager.shared:
        return Garbage(Stored(name, store), state, "not declared any more")
    made, here = state.served.made if state.served else None, head(store.root)
    older = made is not None and here is not None and not made.dirty and is_older(store.root, made.commit, here.sha)
    if older and made is not None and any(contains(store.root, made.commit, file) for file in files):
        return Garbage(Stored(name, store), state, "its declaration was deleted since it was deployed")
    return Garbage(Stored(name, store), state, "not declared here; another clone may have its declaration", sure=False)
