"""Which packages a set of modules comes from, and which modules come from none: those have to travel with the object."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

from mlem.model import Requirement

_OWN = ("mlem_server", "mlem_provider_", "mlem_state_")


def top_level(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


def is_standard(module: str) -> bool:
    """Whether a module comes with Python, is the running script, or is a part of mlem, which is wherever models are served."""
    top = top_level(module)
    return top in sys.stdlib_module_names or top in ("__main__", "__mp_main__", "mlem", "builtins") or top.startswith(_OWN)


@functools.cache
def _distributions() -> Mapping[str, tuple[str, ...]]:
    """Map top-level modules to the distributions that have them; those in development are left out: no index has them."""
    from importlib.metadata import packages_distributions

    found = {}
    for module, names in packages_distributions().items():
        kept = tuple(name for name in dict.fromkeys(names) if not _is_editable(name))
        if kept:
            found[module] = kept
    return found


def _is_editable(name: str) -> bool:
    """Whether a distribution was installed with ``pip install -e``.

    Source: https://packaging.python.org/en/latest/specifications/direct-url-data-structure/, section "Local directories".
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(name).read_text("direct_url.json")
        return bool(text and json.loads(text).get("dir_info", {}).get("editable"))
    except (PackageNotFoundError, ValueError):
        return False


def is_local(module: str) -> bool:
    """Whether a module is the user's own: neither Python's nor from an installed distribution, yet importable.

    A name may be both: some distributions install a ``tests`` or ``utils`` of their own. Then the file decides.
    """
    top = top_level(module)
    if is_standard(top):
        return False
    loaded = sys.modules.get(module) or sys.modules.get(top)
    owners = _distributions().get(top, ())
    if owners:
        file = getattr(loaded, "__file__", None)
        return file is not None and not any(os.path.realpath(file).startswith(_site(name)) for name in owners)
    if loaded is not None:
        return getattr(loaded, "__file__", None) is not None or hasattr(loaded, "__path__")
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def _site(distribution_name: str) -> str:
    """Return the folder that a distribution's modules are in."""
    from importlib.metadata import distribution

    return os.path.join(os.path.realpath(str(distribution(distribution_name).locate_file(""))), "")


def local_modules() -> list[ModuleType]:
    """Return the user's own modules that are loaded."""
    return [
        module
        for name, module in sorted(sys.modules.items())
        if isinstance(module, ModuleType) and module.__name__ == name and is_local(name)
    ]


def resolve(modules: Iterable[str]) -> tuple[Requirement, ...]:
    """Find the packages that modules come from, at the versions that are installed.

    Args:
        modules: Dotted names; Python's own, mlem's and the user's are passed over.

    Returns:
        One requirement for each distribution, by name of the module.
    """
    from importlib.metadata import version

    found: dict[str, Requirement] = {}
    for module in sorted(set(modules)):
        top = top_level(module)
        if is_standard(top):
            continue
        for name in _owners(module, _distributions().get(top, ())):
            found.setdefault(name, Requirement(module=top, version=version(name), package_name=name))
    return tuple(sorted(found.values(), key=lambda requirement: (requirement.module, requirement.package_name)))


def _owners(module: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Choose among the distributions that share a namespace package those that have the module's file."""
    from importlib.metadata import files

    if len(candidates) < 2:
        return candidates
    path = module.replace(".", "/")
    kept = tuple(name for name in candidates if any(str(file).startswith((f"{path}/", f"{path}.")) for file in files(name) or ()))
    return kept or candidates
