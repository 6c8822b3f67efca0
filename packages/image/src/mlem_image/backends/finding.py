"""Finding a backend by its name."""

from __future__ import annotations

from importlib.metadata import entry_points

from mlem import PluginError
from mlem_image.backends.backend import Backend
from mlem_image.backends.own import OWN, OwnBackend

GROUP = "mlem_image.backends"
_PACKAGES = {"engine": "mlem-provider-docker"}


def backend(name: str) -> Backend:
    """Return the backend of a name: ``image`` for this package's own, ``engine`` for a Docker Engine.

    Raises:
        PluginError: There is none, or it can't be imported.
    """
    if name == OWN:
        return OwnBackend()
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        package = _PACKAGES.get(name)
        raise PluginError(
            f'there is no builder of images "{name}"',
            known=sorted({OWN, *found}),
            hint=f"pip install {package}" if package else "",
        )
    try:
        made: Backend = found[name].load()()
    except (Exception, SystemExit) as error:  # what a stranger's module raises
        raise PluginError(f'the builder of images "{name}" can\'t be used: {type(error).__name__}: {error}') from error
    return made
