"""`MlemObject`: a typed value with a YAML form, the base of models, envs, deployments and state managers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from mlem.validation import validate

EXTENSION = ".mlem"


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


class MlemObject(Value):
    """A value that lives in a file ``<name>.mlem``, recognised by ``object_type`` and ``type``.

    Attributes:
        object_type: The kind of object: ``model``, ``env``, ``deployment``.
        type: The implementation's word, as the user types it: ``docker``, ``docker_container``.
    """

    object_type: ClassVar[str] = ""
    type: ClassVar[str] = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """Build the object from the content of its file.

        Args:
            data: The file's mapping; ``object_type`` and ``type`` may be among it.
            source: The file's name, for messages.
            prefix: The path of ``data`` inside the file, with its dot.

        Raises:
            DeclarationError: A field is unknown, missing, or has a wrong value.
        """
        fields = {key: value for key, value in data.items() if key not in ("object_type", "type")}
        return validate(cls, fields, source, prefix=prefix)

    def to_data(self) -> dict[str, Any]:
        """Return the content of the object's file: the fields that differ from their defaults, then the two type words.

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
        return data
