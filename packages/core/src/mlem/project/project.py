"""Projects and the places of objects: a name becomes a file or a URL, and a key in the state store."""

from __future__ import annotations

import os
import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlem.project.gitignore import ignore_states
from mlem.project.yaml_update import update_file
from mlem_model.errors import DeclarationError, NotFoundError, UserError
from mlem_model.objects.file_systems import file_system, translated
from mlem_model.objects.files import shown, unusable, write_atomic
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.project_root import CONFIG_NAME, find_root
from mlem_model.objects.validation import did_you_mean
from mlem_model.objects.yaml_file import dump, parse_mapping, read_document, read_mapping

Name = str | os.PathLike[str]
"""How a program names an object or a folder."""
LONGEST_NAME = 200
"""The most bytes of a file's name without its extension: most file systems allow 255, and the longest name that is made
from it needs some of them."""
_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Characters that change the direction of the text after them: a name with them may look like another one."""
_BROKEN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")


@dataclass(frozen=True)
class Location:
    """Where an object is, or would be.

    Attributes:
        root: The project's folder; the object's own folder where there is no project.
        in_project: Whether ``root`` has a ``.mlem.yaml``.
        key: The object's name in its project: a posix path without extension.
        path: The object's file; for an object read from a URL the file that it would be here.
        url: The URL it is read from; None for a local file.
        overlay: The name of the overlay that lies over it; empty for none.
    """

    root: Path
    in_project: bool
    key: str
    path: Path
    url: str | None = None
    overlay: str = ""

    def __str__(self) -> str:
        return self.url or shown(self.path)

    def expect_usable(self) -> None:
        """Check the name of what is to be written; one of this machine has been checked when it was located.

        Raises:
            UserError: It can't be a name; the rest of an address, which may have a password, is not told.
        """
        stem = PurePosixPath(self.key).name
        expect_usable(stem, stem)

    @property
    def top(self) -> Path:
        """The file that commands write to: the overlay's, where one lies over the object's."""
        if not self.overlay:
            return self.path
        return self.path.with_name(f"{self.path.name.removesuffix(EXTENSION)}.{self.overlay}{EXTENSION}")

    @property
    def source(self) -> str:
        """The path or URL to read."""
        return self.url or str(self.path)

    @property
    def folder(self) -> str:
        """The folder or URL that an object's artifacts are relative to."""
        return self.url.rpartition("/")[0] if self.url else str(self.path.parent)

    def read(self, kind: str | None = None) -> dict[str, Any]:
        """Read the object's file.

        Args:
            kind: The kind of object to look for: where it does not exist, others of this kind are suggested.

        Raises:
            NotFoundError: There is no such object; the hint has the nearest name.
            DeclarationError: It is not a YAML mapping.
        """
        if self.url is not None:
            return parse_mapping(read_url(self.url), self.url)
        if not self.path.exists():
            found = objects_below(self.root) if kind is None else objects_of_kind(self.root, kind)
            names = [name for name, _ in found] if self.root.is_dir() else []
            raise NotFoundError(
                f"no object {self.key!r}: {shown(self.path)} does not exist",
                known=names[:20],
                hint=self._import_hint(kind) or did_you_mean(self.key, names),
            )
        return parse_mapping(self._read_bytes(), shown(self.path))

    def _import_hint(self, kind: str | None) -> str | None:
        """Say how a model is made of a file of the same name, where there is one that we have not saved."""
        file = self.path.with_name(self.path.name.removesuffix(EXTENSION))
        if kind not in (None, "model") or not file.suffix or not file.exists():
            return None
        return f"{shown(file)} was not saved by mlem: mlem import {shown(file)} {file.stem}, then use {file.stem}"

    def _read_bytes(self) -> bytes:
        try:
            return read_document(self.path)
        except OSError as error:
            raise unusable(self.path, error, "read") from error


def spelt(name: Name) -> str:
    """Return a name as a user types it.

    Raises:
        UserError: It is a path made from a URL: a path has one slash where a URL has two.
    """
    text = str(name)
    if not isinstance(name, str) and _BROKEN_URL.match(text):
        raise UserError(f"{text} is a path made from a URL, which loses a slash", hint="give the URL as a string")
    return text


def locate(name: Name, project: Name | None = None) -> Location:
    """Turn what a user typed into a place.

    Args:
        name: A name (``iris``, ``apps/iris``), a path with or without ``.mlem``, or an fsspec URL.
        project: The folder that a relative name starts from; the current one when None.

    Raises:
        NotFoundError: The project folder does not exist.
        UserError: The name is empty, leaves the project, or can't be used for files.
    """
    name = spelt(name)
    if project is not None and not Path(project).is_dir():
        raise NotFoundError(f"no project folder {project}")
    base = Path(project or ".").resolve()
    if "://" in name:
        stem = PurePosixPath(name.split("://", 1)[1]).name.removesuffix(EXTENSION)
        root = find_root(base)
        return Location(
            root or base, root is not None, stem, (base / stem).with_name(stem + EXTENSION), _with_extension(name)
        )
    if name.endswith("/") or PurePosixPath(name).name in ("", ".."):
        raise UserError(
            f"{name!r} is not the name of an object",
            hint="a name is a path without extension, for example iris or apps/iris",
        )
    typed = base / name
    stem = typed.name.removesuffix(EXTENSION)
    expect_usable(stem, name)
    # A link stays under its own name, whether it is typed with the extension or without.
    path = typed.parent.resolve() / f"{stem}{EXTENSION}"
    root = find_root(path.parent) or (find_root(base) if project is not None else None)
    home = root if root is not None and path.is_relative_to(root) else path.parent
    return Location(home, home == root, path.relative_to(home).as_posix().removesuffix(EXTENSION), path)


def expect_usable(stem: str, name: str) -> None:
    """Refuse a name that is hidden in lists, breaks lines, or is too long for the names that are made from it.

    Those are the names of its state and its lock.
    """
    why = None
    if not stem or stem.startswith("."):
        why = "is hidden, so lists would not show it"
    elif (
        any(
            unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(sign) in _TURNS
            for sign in name
        )
        or not stem.isprintable()
    ):
        why = "has a character that can't be shown"
    elif "\\" in stem:
        why = "has a backslash; folders are parted by /"
    elif stem != stem.strip():
        why = "begins or ends with a blank"
    elif len(os.fsencode(stem)) > LONGEST_NAME:
        why = f"has {len(os.fsencode(stem))} bytes, expected at most {LONGEST_NAME}"
    if why is not None:
        shown_name = name if len(name) <= 60 else f"{name[:60]}..."
        raise UserError(
            f"{shown_name!r} {why}",
            code="bad-name",
            hint="a name is a path without extension, for example iris or apps/iris",
        )


def _with_extension(url: str) -> str:
    return url if url.endswith(EXTENSION) else url + EXTENSION


def read_url(url: str) -> bytes:
    """Read a file of any fsspec file system.

    Args:
        url: For example ``s3://bucket/models/iris.mlem`` or ``memory://iris.mlem``.

    Raises:
        NotFoundError: There is no such file.
        MlemError: See `mlem_model.objects.file_systems.translated`.
    """
    fs, path = file_system(url)
    with translated(url, "read"):
        return bytes(fs.cat_file(path))


def objects_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of the objects below a folder, sorted; hidden folders are skipped."""
    for path in sorted(root.rglob(f"*{EXTENSION}")):
        inside = path.relative_to(root)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix().removesuffix(EXTENSION), path


def objects_of_kind(root: Path, kind: str) -> Iterator[tuple[str, Path]]:
    """Yield name and file of the objects of a kind below a folder, sorted.

    Files that can't be read, or are not YAML although they have the words, are included: opening them shows the error.

    Args:
        root: The folder.
        kind: The ``object_type``.
    """
    for name, path in objects_below(root):
        if may_be(path, kind):
            yield name, path


def may_be(path: Path, kind: str) -> bool:
    """Say whether a file declares an object of a kind, or can't be read and may declare one."""
    try:
        content = read_document(path)
    except (OSError, DeclarationError):
        return True
    # Most files, and all that are long, are models: looking for the words is a thousand times faster than parsing.
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")) and not (
        b"object_type" in content and kind.encode() in content
    ):
        return False
    try:
        return parse_mapping(content, str(path)).get("object_type") == kind
    except DeclarationError:
        return True


def init_project(folder: Path) -> tuple[Path, bool]:
    """Make a folder a project.

    The project's id tells its states from those of another project that keeps states under the same URI.

    Returns:
        The configuration file, and whether it was made now.
    """
    ignore_states(folder)
    path = folder / CONFIG_NAME
    if path.exists():
        data = parse_mapping(path.read_bytes(), str(path)) if path.stat().st_size else {}
        if "id" not in data.get("project", {}):
            update_file(path, {**data, "project": {**data.get("project", {}), "id": uuid.uuid4().hex}})
        return path, False
    write_atomic(path, dump({"project": {"id": uuid.uuid4().hex}}))
    return path, True


def read_config_file(root: Path) -> dict[str, Any]:
    """Return the content of a project's ``.mlem.yaml``.

    Empty when there is none, or it is empty (as MLEM 0.4 makes it).
    """
    path = root / CONFIG_NAME
    if not path.exists() or not path.stat().st_size:
        return {}
    return read_mapping(path, may_be_empty=True)
