"""Which packages a set of modules comes from, and which modules come from no package.

The latter have to be saved with the object.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

from mlem_model.artifacts.packages.origins import is_compiled, origin_of, sources
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.objects.validation import validate

_OWN = ("mlem_model", "mlem_server", "mlem_provider_", "mlem_state_")
_CORE = ("mlem", "mlem-core")
"""What a model may import although servers do without it: module and distribution."""


def top_level(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


def is_standard(module: str) -> bool:
    """Whether a module comes with Python, is the running script, or is a part of mlem."""
    top = top_level(module)
    return top in sys.stdlib_module_names or top in ("__main__", "__mp_main__", "builtins") or is_own(top)


def is_own(module: str) -> bool:
    """Whether a module is a part of mlem."""
    return top_level(module) == _CORE[0] or module.startswith(_OWN)


def is_required(module: str) -> bool:
    """Whether a module is of a package that has to be there where the object is loaded."""
    return top_level(module) == _CORE[0] or not is_standard(module)


@functools.cache
def _distributions() -> Mapping[str, tuple[str, ...]]:
    """Map top-level modules to the distributions that have them.

    Distributions whose modules are saved with the object are left out: no index has them.
    """
    from importlib.metadata import packages_distributions

    found = {}
    for module, names in packages_distributions().items():
        kept = tuple(name for name in dict.fromkeys(names) if not origin_of(name).travels)
        if kept:
            found[module] = kept
    return found


@functools.cache
def _travelling_files() -> Mapping[str, str]:
    """Map the files of installed distributions whose modules are saved with the object to the distributions' names.

    Files, because in a namespace package modules of other distributions lie beside them.
    """
    from importlib.metadata import distributions

    travelling = [each for each in distributions() if origin_of(each.name).travels]
    return {os.path.realpath(str(file.locate())): each.name for each in travelling for file in each.files or ()}


def is_local(module: str) -> bool:
    """Whether a module is the user's own: Python code that is part neither of Python nor of a package from an index.

    That is what lies beside the script, and what was installed from a folder of this machine. A name may be both: some
    distributions install a ``tests`` or ``utils`` of their own; then the file decides. Compiled modules can't be saved,
    so they are never local.
    """
    top = top_level(module)
    if is_standard(top):
        return False
    loaded = sys.modules.get(module) or sys.modules.get(top)
    file = _file(loaded)
    if is_compiled(file):
        return False
    if file is not None and os.path.realpath(file) in _travelling_files():
        return True
    owners = _distributions().get(top, ())
    if owners:
        return file is not None and not any(os.path.realpath(file).startswith(_site(name)) for name in owners)
    if loaded is not None:
        own = file is not None or hasattr(loaded, "__path__")
        return own and not (_in_development(os.path.realpath(file or "")) and _has_compiled(top))
    try:
        spec = importlib.util.find_spec(top)
        return spec is not None and not is_compiled(spec.origin)
    except (ImportError, ValueError):
        return False


def _file(module: ModuleType | None) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def owner_here(module: str) -> str | None:
    """Return the distribution, installed from this machine, that has a module; None where there is none."""
    return _owner_of(_file(sys.modules.get(module) or sys.modules.get(top_level(module))))


def _owner_of(file: str | None) -> str | None:
    path = os.path.realpath(file) if file else ""
    return _travelling_files().get(path) or _in_development(path)


def _in_development(path: str) -> str | None:
    return next((name for folder, name in sources().items() if path.startswith(folder)), None)


def _has_compiled(top: str) -> bool:
    """Whether any loaded module of a package is compiled."""
    return any(
        is_compiled(_file(module))
        for name, module in list(sys.modules.items())
        if name == top or name.startswith(f"{top}.")
    )


@functools.cache
def _site(distribution_name: str) -> str:
    """Return the folder that a distribution's modules are in."""
    from importlib.metadata import distribution

    return os.path.join(os.path.realpath(str(distribution(distribution_name).locate_file(""))), "")


def local_modules() -> list[ModuleType]:
    """Return the user's own modules that are loaded."""
    return [
        module
        for name, module in sorted(sys.modules.copy().items())
        if isinstance(module, ModuleType) and module.__name__ == name and is_local(name)
    ]


def resolve(modules: Iterable[str]) -> tuple[Requirement, ...]:
    """Find the packages that modules come from, at the versions that are installed.

    Args:
        modules: Dotted names; Python's own, mlem's and the user's are passed over.

    Returns:
        One requirement for each distribution, by name of the module.
    """
    found: dict[str, Requirement] = {}
    for module in sorted(set(modules)):
        top = top_level(module)
        if top == _CORE[0]:
            found.setdefault(
                _CORE[1], _recorded(*_CORE)
            )  # it is where models are deployed from, and not where they are served
        if is_standard(top):
            continue
        for name in _owners(module, _distributions().get(top, ())):
            found.setdefault(name, _recorded(top, name))
    return tuple(sorted(found.values(), key=lambda requirement: (requirement.module, requirement.package_name)))


def _recorded(module: str, name: str) -> Requirement:
    """Return the requirement of an installed package.

    Raises:
        DeclarationError: Its name, version or address is not one that pip accepts.
    """
    from importlib.metadata import version

    fields = {"module": module, "version": version(name), "package_name": name, "url": origin_of(name).url}
    return validate(Requirement, fields, f"the installed package {name}")


def complaints(modules: Iterable[str]) -> tuple[str, ...]:
    """Say which modules a server will lack, because no known index has them and they can't be saved with the object.

    Args:
        modules: Dotted names, of what loading the object imports.
    """
    found = {}
    for module in sorted(set(modules)):
        top = top_level(module)
        if is_standard(top):
            continue
        owners = _owners(module, _distributions().get(top, ()))
        for name in owners:
            if origin_of(name).kind == "folder":
                found[name] = (
                    f"{name} was installed from this machine and has compiled parts, so it can't be saved with the "
                    "model: servers look for it in their package index"
                )
        loaded = sys.modules.get(module) or sys.modules.get(top)
        if (
            not owners and loaded is not None and _file(loaded) is not None
        ):  # compiled modules make some without a file, as Cython does
            owner = _owner_of(_file(loaded))
            what = (
                f"{top} of {owner}, which was installed from this machine"
                if owner
                else f"the module {top}, which no package has"
            )
            found[what] = f"the model needs {what}: a server without it can't load the model"
    return tuple(found.values())


def _owners(module: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Choose among the distributions that share a namespace package those that have the module's file."""
    from importlib.metadata import files

    if len(candidates) < 2:
        return candidates
    path = module.replace(".", "/")
    kept = tuple(
        name for name in candidates if any(str(file).startswith((f"{path}/", f"{path}.")) for file in files(name) or ())
    )
    return kept or candidates
