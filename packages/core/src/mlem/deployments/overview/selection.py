"""Which deployments a command is about: those that are named, those in folders, or all of a project or of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.overlays import SIGN, deployments_below, has_overlay, locate_deployment, named
from mlem.project.project import Location, Name, locate, spelt
from mlem_model.errors import NotFoundError
from mlem_model.objects.files import shown


@dataclass(frozen=True)
class Declared:
    """A deployment that is declared here.

    Attributes:
        place: Its declaration, with the overlay that lies over it.
        overlays: The names of the overlays that it has itself, where they were looked for.
    """

    place: Location
    overlays: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in its project."""
        return self.place.key

    @property
    def source(self) -> str:
        """What names it from anywhere: the path or URL of its declaration, under its overlay."""
        return named(self.place.source, self.place.overlay)

    def handle(self, **options: Any) -> DeploymentHandle:
        """Read the declaration; see `DeploymentHandle.of`."""
        return DeploymentHandle.of(self.place, **options)


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
    overlay: str | None = None,
) -> Sequence[Selected]:
    """Return the deployments that are meant, each once, in the order in which they were named.

    Args:
        names: Names of deployments, or folders whose deployments are meant.
        project: A folder that names start from; the current one when None.
        everything: Whether all that are declared in the project are meant; with a store, all that it has.
        state: The URI of a store that they are in; ``local`` for files beside the declarations; None for such as are
            declared.
        overlay: Of folders, and of everything: those under this overlay; those without one when None or empty. A name
            says its own: ``app@prod``.

    Raises:
        NotFoundError: A folder has no deployment, or there is none at all.
        StateUnknownError: The store did not answer.
    """
    if state is not None:
        return _stored(names, NamedStore.at(state, project), everything=everything)
    found: list[Declared] = []
    if everything:
        found = _below(locate("x", project).root, overlay)
    for name in names:
        found += _named(spelt(name), project, overlay)
    return list({one.source: one for one in found}.values())


def declared_below(folder: Path) -> Iterator[Declared]:
    """Yield the deployments that are declared below a folder, sorted, each with the names of its overlays.

    Args:
        folder: The folder.
    """
    names = [name for name, _ in deployments_below(folder)]
    overlays: dict[str, list[str]] = {}
    for name in filter(has_overlay, names):
        below, _, overlay = name.rpartition(SIGN)
        overlays.setdefault(below, []).append(overlay)
    for name in names:
        yield Declared(locate_deployment(str(folder / name)), tuple(overlays.get(name, ())))


def _stored(names: Sequence[Name], store: NamedStore, *, everything: bool) -> list[Selected]:
    known = list(store.store.names()) if everything else []
    if everything and not known:
        raise NotFoundError(f"no deployments in {store.store.where('*')}", code="no-deployments")
    return [Stored(name, store) for name in dict.fromkeys([*known, *map(spelt, names)])]


def is_folder(name: str, project: Name | None = None) -> bool:
    """Say whether a name stands for the deployments of a folder: one of its name beside it comes first."""
    if "://" in name or not (Path(project or ".") / name).is_dir():
        return False
    return name.endswith("/") or name in (".", "..") or not locate(name, project).path.exists()


def _named(name: str, project: Name | None, overlay: str | None) -> list[Declared]:
    if is_folder(name, project):
        return _below((Path(project or ".") / name).resolve(), overlay)
    return [Declared(locate_deployment(name, project))]


def _below(folder: Path, overlay: str | None) -> list[Declared]:
    found = [one for one in declared_below(folder) if one.place.overlay == (overlay or "")]
    if not found:
        under = f" under the overlay {overlay}" if overlay else ""
        raise NotFoundError(f"no deployments are declared in {shown(folder)}{under}", code="no-deployments")
    return found
