"""Overlays of deployments: ``app.prod.mlem`` beside ``app.mlem`` has what differs in ``prod``.

Together they are a deployment of its own, whose name is ``app@prod``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mlem.project.project import Location, Name, expect_usable, locate, may_be, objects_below, spelt
from mlem_model.errors import ConflictError, DeclarationError, NotFoundError, UserError
from mlem_model.objects.files import shown
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.validation import did_you_mean
from mlem_model.objects.yaml_file import parse_mapping, read_document

VARIABLE = "MLEM_OVERLAY"
"""The environment variable that names the overlay for commands that are not told one."""
SIGN = "@"
_OVERLAY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KIND = "deployment"


def named(name: str, overlay: str) -> str:
    """Return the name of a deployment under an overlay: ``apps/iris@prod``.

    Raises:
        UserError: The overlay can't have this name, or the deployment is read from a URL.
    """
    if not overlay:
        return name
    if not _OVERLAY.fullmatch(overlay):
        raise UserError(
            f"{overlay!r:.80} is not the name of an overlay",
            code="bad-name",
            hint="it has letters, digits, - and _; app.prod.mlem is the overlay prod of app",
        )
    if "://" in name:
        raise UserError(f"{name} has no overlays: they are files beside a declaration", code="bad-name")
    return f"{name.removesuffix(EXTENSION)}{SIGN}{overlay}"


def has_overlay(name: str) -> bool:
    """Say whether a name may be that of a deployment under an overlay."""
    below, sign, overlay = name.removesuffix(EXTENSION).rpartition(SIGN)
    return bool(sign and below and _OVERLAY.fullmatch(overlay))


def locate_deployment(name: Name, project: Name | None = None, overlay: str | None = None) -> Location:
    """Turn the name of a deployment into a place: like `locate`, with overlays.

    Args:
        name: A name, a path or a URL; ``app@prod``, like the path ``app.prod.mlem``, is ``app`` under its overlay
            ``prod``.
        project: The folder that a relative name starts from; the current one when None.
        overlay: The overlay; none when empty or None, unless the name says it.

    Raises:
        NotFoundError: The deployment has no such overlay.
        ConflictError: ``app@prod`` is the name of a declaration too.
        UserError: The name can't be one.
    """
    place = locate(named(spelt(name), overlay or ""), project)
    if place.url is not None:
        return place
    stem = place.path.name.removesuffix(EXTENSION)
    below, sign, word = stem.rpartition(SIGN)
    if sign and below and _OVERLAY.fullmatch(word):
        base = _beside(place, below)
        if place.path.exists():
            if is_overlay(_under(base, word).top):
                raise _two_of_a_name(place, base, word)
            return place
        if overlay or (base.path.exists() and may_be(base.path, _KIND)):
            return _expect_there(_under(base, word))
        return place
    below, dot, word = stem.rpartition(".")
    if dot and below and _OVERLAY.fullmatch(word) and is_overlay(place.path):
        return _under(_beside(place, below), word)
    return place


def overlays_of(path: Path) -> list[str]:
    """Return the names of the overlays beside a declaration, sorted.

    Args:
        path: The declaration's file.
    """
    stem = path.name.removesuffix(EXTENSION)
    if not path.parent.is_dir():
        return []
    beside = (
        one.name.removesuffix(EXTENSION).removeprefix(f"{stem}.")
        for one in path.parent.iterdir()
        if one.name.startswith(f"{stem}.") and one.name.endswith(EXTENSION)
    )
    return sorted(word for word in beside if _OVERLAY.fullmatch(word) and is_overlay(_of(path, word)))


def deployments_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every deployment below a folder, sorted; ``app@prod`` has the file of its overlay.

    Args:
        root: The folder.
    """
    found = dict(objects_below(root))
    declared = {name for name, path in found.items() if may_be(path, _KIND)}
    names = {name: found[name] for name in declared}
    for name, path in found.items():
        below, dot, word = name.rpartition(".")
        if dot and name not in declared and below in declared and _OVERLAY.fullmatch(word) and _lacks_kind(path):
            names.setdefault(f"{below}{SIGN}{word}", path)
    yield from sorted(names.items())


def files_of(name: str) -> tuple[str, ...]:
    """Return the files that may declare a deployment of a name: ``app@prod.mlem``, ``app.prod.mlem``."""
    below, _, overlay = name.rpartition(SIGN)
    own = f"{name}{EXTENSION}"
    return (own, f"{below}.{overlay}{EXTENSION}") if has_overlay(name) else (own,)


def is_overlay(path: Path) -> bool:
    """Say whether a file is an overlay: it has no ``object_type``, and lies beside the deployment that it names."""
    below, dot, word = path.name.removesuffix(EXTENSION).rpartition(".")
    if not (dot and below and _OVERLAY.fullmatch(word) and path.is_file()):
        return False
    base = path.with_name(below + EXTENSION)
    return base.is_file() and may_be(base, _KIND) and _lacks_kind(path)


def _lacks_kind(path: Path) -> bool:
    try:
        content = read_document(path)
    except (OSError, DeclarationError):
        return True
    try:
        return "object_type" not in parse_mapping(content, str(path), may_be_empty=True)
    except DeclarationError:
        return b"object_type" not in content


def _of(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name.removesuffix(EXTENSION)}.{word}{EXTENSION}")


def _beside(place: Location, stem: str) -> Location:
    path = place.path.with_name(stem + EXTENSION)
    return replace(place, path=path, key=path.relative_to(place.root).as_posix().removesuffix(EXTENSION))


def _under(base: Location, word: str) -> Location:
    name = f"{base.key}{SIGN}{word}"
    expect_usable(name.rpartition("/")[2], name)
    return replace(base, key=name, overlay=word)


def _expect_there(place: Location) -> Location:
    if is_overlay(place.top):
        return place
    name = place.key.rpartition(SIGN)[0]
    if not place.path.exists() or not may_be(place.path, _KIND):
        raise NotFoundError(
            f"no deployment {name!r} that could have an overlay: {shown(place.path)} does not declare one",
            hint=f'{VARIABLE} is set; --overlay "" takes {name} itself'
            if os.environ.get(VARIABLE) == place.overlay
            else f"an overlay has only what differs: write {shown(place.path)} first",
        )
    known = overlays_of(place.path)
    if place.top.exists():
        hint = f"{shown(place.top)} is a declaration of its own: leave out the overlay, and give its name"
    elif os.environ.get(VARIABLE) == place.overlay:
        hint = f'{VARIABLE} is set; --overlay "" takes {name} itself'
    else:
        hint = did_you_mean(place.overlay, known) or f"write {shown(place.top)} with the fields that differ"
    raise NotFoundError(f'"{name}" has no overlay "{place.overlay}"', code="no-overlay", known=known, hint=hint)


def _two_of_a_name(place: Location, base: Location, word: str) -> ConflictError:
    return ConflictError(
        f'"{place.key}" is declared by {shown(place.path)}, and is {base.key} under its overlay {word} as well',
        code="ambiguous-name",
        hint=f"rename {shown(place.path)}, or {shown(_under(base, word).top)}",
    )
