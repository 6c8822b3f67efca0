"""`MlemObject`: a typed value with a YAML form, the base of models, envs, deployments and state managers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr

from mlem_model.errors import DeclarationError
from mlem_model.legacy.fields import OF_04, Translation
from mlem_model.objects.fields import inner_type
from mlem_model.objects.validation import validate

EXTENSION = ".mlem"
HEAD = ("object_type", "type", "made_by")
"""What a file says beside the fields: which class they are of."""


MOST_CHARACTERS = 120


def one_line(name: str, *parts: str) -> str:
    """Return how an object is shown, so that it fits on a line: ``Name(part, part)``.

    Args:
        name: The class's name.
        parts: What identifies the object, the most important first.
    """
    text = " ".join(f"{name}({', '.join(part for part in parts if part)})".split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 4]}...)"


class Value(BaseModel):
    """A frozen value that accepts no field it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    _folder: Path | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        """Compare the fields; where a value was declared is not part of it."""
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).model_fields
        )

    def declared_in(self, folder: Path) -> Self:
        """Return the value as one that is declared in a file of a folder.

        Its relative paths start there, wherever a command runs.
        """
        parts = {name: part.declared_in(folder) for name, part in self if isinstance(part, Value)}
        made = self.model_copy(update=parts)
        made._folder = folder
        return made

    @classmethod
    def with_paths(cls, values: Mapping[str, Any], moved: Callable[[str], str]) -> dict[str, Any]:
        """Return the values of fields with their paths rewritten as seen from another folder.

        Args:
            values: Fields and their values, as typed.
            moved: Says how a path is written there.
        """
        found = dict(values)
        for name, value in values.items():
            field = cls.model_fields.get(name)
            inner = inner_type(field.annotation) if field is not None else None
            if inner is Path and isinstance(value, str):
                found[name] = moved(value)
            elif isinstance(inner, type) and issubclass(inner, Value) and isinstance(value, Mapping):
                found[name] = inner.with_paths(value, moved)
        return found

    def declared_path(self, declared: str | Path) -> Path:
        """Return the absolute path that a field of this value means."""
        expanded = Path(os.path.expanduser(declared))
        return Path(os.path.abspath((self._folder or Path()) / expanded))


class MlemObject(Value):
    """A value that lives in a file ``<name>.mlem``, recognised by ``object_type`` and ``type``.

    Attributes:
        object_type: The kind of object: ``model``, ``env``, ``deployment``.
        type: The implementation's word, as the user types it: ``docker``, ``docker_container``.
        made_by: The distribution that brings the class, with its version, where it is not one of ours. It is set when
            the class is found, and kept in files beside the type: who reads one without the distribution is told what
            to install.
    """

    object_type: ClassVar[str] = ""
    type: ClassVar[str] = ""
    made_by: ClassVar[str] = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """Build the object from the content of its file; a file of MLEM 0.4 is read if nothing in it gets lost.

        Args:
            data: The file's mapping; ``object_type``, ``type`` and ``made_by`` may be among it.
            source: The file's name, for messages.
            prefix: The path of ``data`` inside the file, with its dot.

        Raises:
            DeclarationError: A field is unknown, missing, or has a wrong value.
        """
        fields = {key: value for key, value in data.items() if key not in HEAD}
        translated = cls.translate_04(fields, source, prefix)
        for lost in translated.lost:
            hint = f"mlem migrate writes a file of this version{f'; {lost.todo}' if lost.todo else ''}"
            raise DeclarationError(f"{source}: {prefix}{lost.path}: {lost.reason}", code=OF_04, hint=hint)
        return validate(cls, dict(translated.fields), source, prefix=prefix)

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """Turn the fields that MLEM 0.4 wrote for this type into this version's; newer fields stay as they are.

        A provider overrides it when MLEM 0.4 had its type under the same name. It is called whenever a file is read, so
        it must not ask the platform.

        Args:
            fields: The fields, without the words that say which class they are of.
            source: The file's name, for messages.
            prefix: The path of ``fields`` inside the file, with its dot.

        Raises:
            DeclarationError: A field can't be translated, and a deployment without it would be a different one; the
                message names it.
        """
        return Translation(fields)

    def to_data(self) -> dict[str, Any]:
        """Return the content of the object's file: the fields that differ from their defaults, and the object's types.

        Secrets are left out: they come from the environment, and never reach a file.
        """
        data = {
            name: value
            for name, value in self.model_dump(mode="json", exclude_defaults=True).items()
            if not isinstance(getattr(self, name), SecretStr)
        }
        if self.object_type:
            data["object_type"] = self.object_type
        if self.type:
            data["type"] = self.type
        if self.made_by:
            data["made_by"] = self.made_by
        return data
