"""The deployments of a project and of a store, asked side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mlem.deployments.deployment import Phase
from mlem.deployments.edge import plugin_edge
from mlem.deployments.overview.parallel import Parallel
from mlem.deployments.overview.selection import Declared, Selected, Stored, declared_below
from mlem.deployments.overview.summary import DeploymentSummary, asked, with_state
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.project import Name, locate
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import MlemError
from mlem_model.plugins.output import once_aside

LIMIT_S = 5.0


@plugin_edge()
def list_deployments(
    project: Name | None = None,
    *,
    state: str | None = None,
    everything: bool = False,
    limit_s: float = LIMIT_S,
    drift: bool = False,
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
        drift: Whether each resource is looked at, too.
        on_error: Called with the error of each that could not be asked, for its traceback.

    Raises:
        StateUnknownError: The store did not answer.
        CredentialsError: It refused the credentials.
    """
    found: dict[str, Selected] = {}
    if state or everything:
        named = NamedStore.at(state, project)
        found |= {name: Stored(name, named) for name in named.store.names()}
    if not state:
        root = locate("x", project).root
        found |= {one.name: one for one in declared_below(root)}
    return summarize([found[name] for name in sorted(found)], limit_s=limit_s, drift=drift, on_error=on_error)


@plugin_edge()
def summarize(
    selected: Sequence[Selected],
    *,
    limit_s: float = LIMIT_S,
    drift: bool = False,
    on_error: Callable[[MlemError], None] = lambda _error: None,
) -> Sequence[DeploymentSummary]:
    """Return a line for each of some deployments, in their order; see `list_deployments`.

    Args:
        selected: The deployments.
        limit_s: How long one may take to be asked, in seconds.
        drift: Whether each resource is looked at, too.
        on_error: Called with the error of each that could not be asked.
    """
    asking = _Asking(drift=drift)
    with once_aside():
        outcomes = Parallel(asking.ask, limit_s=limit_s).all(selected)
    summaries = []
    for one, each in zip(selected, outcomes, strict=True):
        if isinstance(each, MlemError):
            on_error(each)
        summaries.append(asking.failed(one, each) if isinstance(each, MlemError) else each)
    return summaries


class _Asking:
    """Asks deployments, and keeps what is known of one until the platform has answered."""

    def __init__(self, *, drift: bool) -> None:
        self._drift = drift
        self._known: dict[str, DeploymentSummary] = {}

    def ask(self, found: Selected) -> DeploymentSummary:
        """Return the summary of a deployment."""
        if isinstance(found, Declared):
            target = found.handle().target
            self._known[found.name] = DeploymentSummary(found.name, target.deployment.type, overlays=found.overlays)
            summary = asked(target, self._keep(found, target.read_state()), declared=True, drift=self._drift)
            return replace(summary, overlays=found.overlays)
        state = self._keep(found, read_state(found.store.store, found.name).state)
        if state is None:  # removed since the names were listed
            return DeploymentSummary(found.name, status=Phase.NOT_DEPLOYED.value, declared=False)
        return asked(found.store.target(found.name, state), state, declared=False, drift=self._drift)

    def failed(self, found: Selected, error: MlemError) -> DeploymentSummary:
        """Return what is known of a deployment that could not be asked."""
        return replace(self._known_of(found), error=error.message)

    def _known_of(self, found: Selected) -> DeploymentSummary:
        return self._known.get(found.name) or DeploymentSummary(found.name, declared=isinstance(found, Declared))

    def _keep(self, found: Selected, state: State | None) -> State | None:
        if state is not None:
            self._known[found.name] = with_state(self._known_of(found), state)
        return state
