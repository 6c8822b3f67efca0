"""Which deployments a command is about: those that are named, those in folders, or all of a project or of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.project import Location, Name, locate, objects_of_kind, spelt
from mlem_model.errors import NotFoundError


@dataclass(frozen=True)
class Declared:
    """A deployment that is declared here.

    Attributes:
        name: Its name in its project.
        source: The path or URL of its declaration.
    """

    name: str
    source: str

    def handle(self, **options: Any) -> DeploymentHandle:
        """Read the declaration; see `DeploymentHandle.of`."""
        return DeploymentHandle.of(locate(self.source), **options)


@dataclass(frozen=True)
class Stored:
    """A deployment of which only the state is known.

    Attributes:
        name: Its name in the store.
        store: The store.
    """

    name: str
    store: NamedStore

    @property
    def source(self) -> str:
        """The file or URL of its state."""
        return self.store.store.where(self.name)

    def handle(self, **options: Any) -> DeploymentHandle:
        """Read the state; see `DeploymentHandle.in_store`."""
        return DeploymentHandle(self.store.target(self.name, self.store.read(self.name)), **options)


Selected = Declared | Stored


def select(
    names: Sequence[Name],
    project: Name | None = None,
    *,
    everything: bool = False,
    state: str | None = None,
) -> Sequence[Selected]:
    """Return the deployments that are meant, each once, in the order in which they were named.

    Args:
        names: Names of deployments, or folders whose deployments are meant.
        project: A folder that names start from; the current one when None.
        everything: Whether all that are declared in the project are meant; with a store, all that it has.
        state: The URI of a store that they are in; ``local`` for files beside the declarations; None for such as are
            declared.

    Raises:
        NotFoundError: A folder has no deployment, or there is none at all.
        StateUnknownError: The store did not answer.
    """
    if state is not None:
        return _stored(names, NamedStore.at(state, project), everything=everything)
    found: dict[str, Selected] = {}
    if everything:
        root = locate("x", project).root
        found = {one.source: one for one in _below(root)}
        if not found:
            raise NotFoundError(f"no deployments are declared in {root}", code="no-deployments")
    for name in names:
        found |= {one.source: one for one in _named(spelt(name), project)}
    return list(found.values())


def _stored(names: Sequence[Name], store: NamedStore, *, everything: bool) -> list[Selected]:
    known = list(store.store.names()) if everything else []
    if everything and not known:
        raise NotFoundError(f"no deployments in {store.store.where('*')}", code="no-deployments")
    return [Stored(name, store) for name in dict.fromkeys([*known, *map(spelt, names)])]


def _named(name: str, project: Name | None) -> Iterator[Declared]:
    folder = Path(project or ".") / name
    if "://" in name or not folder.is_dir():
        yield _declared(locate(name, project))
        return
    if not name.endswith("/") and name not in (".", "..") and locate(name, project).path.exists():
        yield _declared(locate(name, project))  # a deployment may have a folder of its name beside it
        return
    inside = list(_below(folder.resolve()))
    if not inside:
        raise NotFoundError(f"no deployments are declared in the folder {name}", code="no-deployments")
    yield from inside


def _below(folder: Path) -> Iterator[Declared]:
    for _, path in objects_of_kind(folder, "deployment"):
        yield _declared(locate(str(path)))


def _declared(place: Location) -> Declared:
    return Declared(place.key, place.url or str(place.path))
