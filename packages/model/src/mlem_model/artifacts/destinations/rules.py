"""`Destination`: what an object may replace where it is saved, and what its files are called."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.trust import ASIDES
from mlem_model.errors import ConflictError, DeclarationError
from mlem_model.objects.object import EXTENSION, MlemObject
from mlem_model.objects.yaml_file import dump, parse_mapping

_REPLACE = "choose another name, or replace it with overwrite=True"
MARK = "[0-9a-f]{12}"
"""What tells contents of one name apart: the first digits of their SHA-256."""
ObjectT = TypeVar("ObjectT", bound=MlemObject)


class Destination(ABC):
    """Where an object is saved: its metadata as ``<name>.mlem``, and its artifacts beside that.

    Attributes:
        name: The object's name, without folder and extension.
        file_name: The name for its artifact.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.file_name = name
        self._overwrite = False
        self._kind = ""

    @property
    def metadata_name(self) -> str:
        """The name of the metadata's file."""
        return self.name + EXTENSION

    def expect_ours(self, kind: str, *, overwrite: bool) -> None:
        """Refuse to replace anything but an object of the same kind.

        Args:
            kind: The ``object_type`` that is to be saved.
            overwrite: Whether the user wants files replaced, whatever they are; folders are never.

        Raises:
            ConflictError: Something else is there.
        """
        self._overwrite = overwrite
        self._kind = kind
        found = {name: self._found(name) for name in (self.file_name, self.metadata_name)}
        folder = next((name for name, what in found.items() if what == "folder"), None)
        if folder is not None:
            raise ConflictError(
                f"{self._shown(folder)} is a folder", code="exists", hint="choose another name, or move it away"
            )
        metadata = self._metadata()
        wrong = complaint(metadata, kind)
        if wrong and not overwrite:
            raise ConflictError(
                f"{self._shown(self.metadata_name)} already exists, and {wrong}", code="exists", hint=_REPLACE
            )
        if (
            found[self.file_name]
            and not overwrite
            and self.file_name not in listed(metadata)
            and not self._left_over(self.file_name)
        ):
            why = "does not list it" if metadata is not None else "is not there"
            message = (
                f"{self._shown(self.file_name)} already exists, and was not saved by mlem: {self.metadata_name} {why}"
            )
            raise ConflictError(message, code="exists", hint=_REPLACE)

    def _expect_room(self, artifacts: Iterable[str], metadata: bytes | None) -> None:
        """Refuse to replace a foreign file with an artifact that is known only once the object is written.

        Such as the file of a large sample.
        """
        for name in set(artifacts) - {self.file_name} - listed(metadata).keys():
            found = self._found(name)
            if found == "folder" or (found and not self._overwrite and not self._left_over(name)):
                message = (
                    f"{self._shown(name)} already exists, and was not saved by mlem: "
                    "the object needs a file of that name too"
                )
                raise ConflictError(message, code="exists", hint=_REPLACE)

    @abstractmethod
    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Return a context with a folder of this machine to write the files to; it is gone afterwards."""

    @abstractmethod
    def take(self, folder: Path, saved: ObjectT) -> ObjectT:
        """Move an object from its staging folder to where it belongs, so that readers see the old one or the new one.

        New content gets a name of its own; then the metadata is replaced in one step. Of several who save at once, the
        last one's object stays, whole.

        Args:
            folder: What `staging` gave.
            saved: The object; its artifacts are in the folder.

        Returns:
            The object, with its artifacts where they are now.

        Raises:
            ConflictError: Something else is there by now.
            MlemError: It can't be written; what was there before is still there.
        """

    def _left_over(self, name: str) -> bool:
        """Say whether a file that no metadata lists was left by a save that was killed."""
        return False

    @abstractmethod
    def _metadata(self) -> bytes | None: ...

    @abstractmethod
    def _found(self, name: str) -> str: ...

    @abstractmethod
    def _shown(self, name: str) -> str: ...


def complaint(metadata: bytes | None, kind: str) -> str:
    """Say why metadata does not belong to an object of a kind; empty where it does, or where there is none."""
    if metadata is None:
        return ""
    found = _parsed(metadata).get("object_type")
    if found == kind or (found == "dataset" and kind == "data"):
        return ""
    return f"is a {found}, not a {kind}" if isinstance(found, str) else "is not an object of mlem"


def listed(metadata: bytes | None) -> dict[str, str]:
    """Return the names of the files that metadata lists beside itself, with the SHA-256 of each.

    Empty where it has another digest.
    """
    found = _parsed(metadata or b"").get("artifacts")
    items = found.values() if isinstance(found, Mapping) else ()
    names = {str(item.get("uri")): str(item.get("sha256") or "") for item in items if isinstance(item, Mapping)}
    return {
        name: sha256
        for name, sha256 in names.items()
        if "/" not in name and "\\" not in name and name not in ("", ".", "..")
    }


def _parsed(metadata: bytes) -> Mapping[str, Any]:
    try:
        return parse_mapping(metadata, "metadata")
    except DeclarationError:
        return {}


def located(saved: ObjectT, names: Mapping[str, str]) -> ObjectT:
    """Return an object whose artifacts are elsewhere.

    Args:
        saved: The object.
        names: New names by old ones.
    """
    moved = {
        key: artifact.model_copy(update={"uri": names.get(artifact.uri, artifact.uri)})
        for key, artifact in artifacts_of(saved).items()
    }
    return saved.model_copy(update={"artifacts": moved})


def artifacts_of(saved: MlemObject) -> Mapping[str, Artifact]:
    """Return the artifacts of a model or of data."""
    found: Mapping[str, Artifact] = getattr(saved, "artifacts")  # noqa: B009  # only kinds that have it are saved
    return found


def metadata_of(saved: MlemObject) -> bytes:
    """Return the content of an object's ``.mlem`` file."""
    return dump(saved.to_data())


def aside_names(name: str) -> dict[str, str]:
    """Return the names of the files that say something about a model, beside its artifact, by their keys."""
    return {key: f"{name}.{key}.json" for key in sorted(ASIDES)}


def content_name(name: str, mark: str) -> str:
    """Return the name of a file with one content: ``iris-0c1f...``, ``rows-0c1f....npy``."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{mark}.{suffix}" if dot and stem else f"{name}-{mark}"


def plain_name(name: str) -> str | None:
    """Return the name of the file that a name is one content of; None where it is not the name of a content."""
    found = re.fullmatch(rf"(.+)-{MARK}(\.[^.]*)?", name)
    return f"{found[1]}{found[2] or ''}" if found else None


def contents_of(name: str) -> re.Pattern[str]:
    """Return a pattern for the names that contents of a file may have."""
    return re.compile(content_name(re.escape(name), f"({MARK})"))
