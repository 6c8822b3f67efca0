"""Whether a project, its plugins and its state store work: found out by using them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlem.api.platforms import platform_checks
from mlem.deployments.shared_state import configured_store, try_store
from mlem.project.config import load_config
from mlem.project.predecessor import installed_version, remedy, version_beside
from mlem.project.project import Location, Name, locate
from mlem_model.errors import ConflictError, MlemError, PluginError
from mlem_model.plugins.registry import registry


@dataclass(frozen=True)
class Check:
    """What was found out about one thing.

    Attributes:
        name: What was looked at: ``installation``, ``settings``, ``plugins``, ``state store``, and of the
            platforms ``env prod: AWS account``.
        message: What was found, in words.
        error: What is wrong; None where all is well.
    """

    name: str
    message: str
    error: MlemError | None = None


def diagnose(project: Name | None = None) -> Sequence[Check]:
    """Check the project, the plugins, the state store and the platforms by using them, as ``mlem doctor`` does.

    Args:
        project: A folder of the project; the current one when None.

    Returns:
        What was found, also where something is wrong.
    """
    place = locate("x", project)
    checks: dict[str, Callable[[], str]] = {
        "installation": _installation,
        "settings": lambda: _settings(place),
        "plugins": _plugins,
        "state store": lambda: _store(place),
    }
    found = [_checked(name, check) for name, check in checks.items()]
    if place.in_project:
        found += [_checked(name, check) for name, check in platform_checks(place)]
    return found


def _checked(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, check())
    except MlemError as error:  # the other checks still run
        return Check(name, error.message, error)


def _settings(place: Location) -> str:
    config = load_config(place.root)
    if not place.in_project:
        return f"{place.root} is not in a project: all settings have their defaults"
    return f"{place.root / '.mlem.yaml'}, project id {config.project.id or 'missing (mlem init makes one)'}"


def _installation() -> str:
    import importlib.metadata

    found = version_beside() or installed_version()
    own = importlib.metadata.version("mlem-core")
    if found is not None:
        raise ConflictError(
            f"mlem {found}, the predecessor, is installed beside mlem-core {own}",
            code="predecessor",
            hint=remedy(own),
        )
    return f"mlem-core {own}"


def _plugins() -> str:
    found = registry().plugins()
    broken = [f"{plugin.name} of {plugin.distribution}: {plugin.problem}" for plugin in found if plugin.problem]
    clashes = registry().clashes()
    told = [*broken, *map(str, clashes)]
    if broken or any(clash.harmful for clash in clashes):
        hint = "mlem plugins shows each; MLEM_DISABLE_PLUGINS=NAME switches one off"
        raise PluginError("; ".join(told), code="broken-plugin" if broken else "duplicate-type", hint=hint)
    return "; ".join([", ".join(plugin.distribution for plugin in found if not plugin.off), *told])


def _store(place: Location) -> str:
    manager = configured_store(place.root)
    tried = try_store(manager, place.root)
    opened = tried.store(place.root)
    warning = tried.warning(opened, "NAME")
    return f"{opened.where('NAME')}: " + (
        warning or ("excludes two writers" if manager.shared else "locked by the kernel")
    )
