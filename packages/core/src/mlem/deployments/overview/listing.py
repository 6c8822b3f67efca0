"""The deployments of a project and of a store, asked side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlem.deployments.deployment import Phase
from mlem.deployments.edge import plugin_edge
from mlem.deployments.overview.parallel import Parallel
from mlem.deployments.overview.summary import DeploymentSummary, asked, with_state
from mlem.deployments.resolving.resolve import resolve
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.overlays import SIGN, deployments_below, has_overlay, locate_deployment
from mlem.project.project import Name, locate
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import MlemError
from mlem_model.plugins.output import once_aside

LIMIT_S = 5.0


@dataclass(frozen=True)
class _Declared:
    """A deployment that is declared here."""

    name: str
    root: Path
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stored:
    """A deployment of which only the state is known."""

    name: str
    store: NamedStore


@plugin_edge()
def list_deployments(
    project: Name | None = None,
    *,
    state: str | None = None,
    everything: bool = False,
    limit_s: float = LIMIT_S,
    on_error: Callable[[MlemError], None] = lambda _error: None,
) -> Sequence[DeploymentSummary]:
    """Return a line for each deployment, sorted by name.

    They are asked at the same time; one whose platform does not answer in time has an error of its own.

    Args:
        project: A folder of the project; the current one when None.
        state: The URI of a store, whose deployments are listed instead.
        everything: Whether those in the project's own store are listed too that are not declared here: the declaration
            was deleted or renamed, or is another clone's.
        limit_s: How long one may take to be asked, in seconds.
        on_error: Called with the error of each that could not be asked, for its traceback.

    Raises:
        StateUnknownError: The store did not answer.
        CredentialsError: It refused the credentials.
    """
    found: dict[str, _Declared | _Stored] = {}
    if state or everything:
        named = NamedStore.at(state, project)
        found |= {name: _Stored(name, named) for name in named.store.names()}
    if not state:
        root = locate("x", project).root
        found |= {one.name: one for one in _declared(root)}
    asking = _Asking()
    with once_aside():
        outcomes = Parallel(asking.ask, limit_s=limit_s).all(list(found.values()))
    pairs = zip(found.values(), outcomes, strict=True)
    summaries = []
    for one, each in pairs:
        if isinstance(each, MlemError):
            on_error(each)
        summaries.append(asking.failed(one, each) if isinstance(each, MlemError) else each)
    return sorted(summaries, key=lambda one: one.name)


def _declared(root: Path) -> Iterator[_Declared]:
    """Yield what is declared below a folder, each declaration with the names of its overlays."""
    names = [name for name, _ in deployments_below(root)]
    overlays: dict[str, list[str]] = {}
    for name in names:
        if has_overlay(name):
            below, _, overlay = name.rpartition(SIGN)
            overlays.setdefault(below, []).append(overlay)
    for name in names:
        yield _Declared(name, root, tuple(overlays.get(name, ())))


class _Asking:
    """Asks deployments, and keeps what is known of one until the platform has answered."""

    def __init__(self) -> None:
        self._known: dict[str, DeploymentSummary] = {}

    def ask(self, found: _Declared | _Stored) -> DeploymentSummary:
        """Return the summary of a deployment."""
        if isinstance(found, _Declared):
            target = resolve(locate_deployment(found.name, found.root))
            self._known[found.name] = DeploymentSummary(found.name, target.deployment.type, overlays=found.overlays)
            summary = asked(target, self._keep(found, target.read_state()), declared=True)
            return replace(summary, overlays=found.overlays)
        state = self._keep(found, read_state(found.store.store, found.name).state)
        if state is None:  # removed since the names were listed
            return DeploymentSummary(found.name, status=Phase.NOT_DEPLOYED.value, declared=False)
        return asked(found.store.target(found.name, state), state, declared=False)

    def failed(self, found: _Declared | _Stored, error: MlemError) -> DeploymentSummary:
        """Return what is known of a deployment that could not be asked."""
        return replace(self._known_of(found), error=error.message)

    def _known_of(self, found: _Declared | _Stored) -> DeploymentSummary:
        return self._known.get(found.name) or DeploymentSummary(found.name, declared=isinstance(found, _Declared))

    def _keep(self, found: _Declared | _Stored, state: State | None) -> State | None:
        if state is not None:
            self._known[found.name] = with_state(self._known_of(found), state)
        return state
