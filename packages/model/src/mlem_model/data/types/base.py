"""`DataType`: the contract of a kind of value that a method takes or returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from mlem_model.data.types.sliced import in_slices
from mlem_model.errors import DataError
from mlem_model.objects.object import Value

Json = Any
"""What `json.dumps` writes without help: dict, list, str, int, float, bool, None."""


class DataType(Value, ABC):
    """A kind of value, and how it travels as JSON.

    Attributes:
        type: The word that names the kind in files and in ``interface.json``.
        later_fields: Fields that came after the first release: they are written only where they differ from their
            default, so that the digest of a model that was saved before stays.
    """

    model_config = ConfigDict(defer_build=True)

    type: ClassVar[str] = ""
    later_fields: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_type(cls, data: Any) -> Any:
        # The union has chosen the class by this word; it is not a field, so that it can't disagree with the class.
        if isinstance(data, dict):
            return cls._from_04({key: value for key, value in data.items() if key != "type"})
        return data

    @classmethod
    def _from_04(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Rename the fields that MLEM 0.4 spells differently."""
        return data

    @model_serializer(mode="wrap")
    def _with_type(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = handler(self)
        for name in self.later_fields:
            if getattr(self, name) == type(self).model_fields[name].get_default(call_default_factory=True):
                fields.pop(name, None)
        return {"type": self.type, **fields}

    @classmethod
    @abstractmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """Describe a value.

        Args:
            value: Anything.
            infer: Describes the parts of a container.

        Returns:
            The type, or None when the value is of another kind.

        Raises:
            DataError: The value is of this kind, and has something that can't travel as JSON.
        """

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of what `encode` writes; all that it admits can be decoded."""

    @abstractmethod
    def encode(self, value: Any, path: str = "data") -> Json:
        """Turn a value into JSON.

        Args:
            value: A value of this type, or one that converts without loss.
            path: Where the value is, for messages.

        Raises:
            DataError: The value is of another type.
        """

    @abstractmethod
    def decode(self, payload: Json, path: str = "data") -> Any:
        """Turn JSON into a value; the opposite of `encode`.

        Args:
            payload: Parsed JSON.
            path: Where the payload is, for messages.

        Raises:
            DataError: The payload does not fit; the path leads to the first item that does not.
        """

    def accept(self, value: Any, path: str = "data") -> Any:
        """Check a value that did not come as JSON.

        Args:
            value: A value of this type, or one that converts without loss.
            path: Where it is, for messages.

        Returns:
            What `decode` would have made of it.

        Raises:
            DataError: It is of another type.
        """
        if self.in_rows and module_of(value) in ("numpy", "pandas") and getattr(value, "ndim", None):
            return in_slices(self, value, path, lambda part: self.decode(self.encode(part, path), path))
        return self.decode(self.encode(value, path), path)

    @property
    def in_rows(self) -> bool:
        """Whether a value has rows, of any number, that can be decoded apart and joined, and its JSON is their list."""
        return False

    def rows(self, value: Any) -> int | None:
        """Count the rows of a value along its first axis; None when values of this type can't be joined along it.

        Where they can, the JSON that `encode` writes is a list of the rows.
        """
        return None

    def join(self, values: Sequence[Any]) -> Any:
        """Join values along their first axis; only where `rows` counts them."""
        raise NotImplementedError

    def part(self, value: Any, start: int, stop: int) -> Any:
        """Return some rows of a value, as a value of its own; only where `rows` counts them."""
        raise NotImplementedError

    def requirements(self) -> set[str]:
        """Return the modules that decoding needs."""
        return set()

    @property
    def wire(self) -> DataType:
        """The type that values of this type travel as; itself, unless it is a `mlem_model.data.types.adapted` type."""
        return self

    def to_wire(self, value: Any) -> Any:
        """Return a value as one of `wire`; what is no value of this type is returned as it is, for `wire` to judge."""
        return value

    def from_wire(self, value: Any) -> Any:
        """Return a value of `wire`, which has been checked, as one of this type."""
        return value

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """Return the type of values of this type and of others of the same class.

        None where there is none but their union.
        """
        return None

    def parts(self) -> Sequence[DataType]:
        """Return the types that this one is made of."""
        return ()


def module_of(value: Any) -> str:
    """Return the top-level package that a value's class is from, without importing it."""
    return str(type(value).__module__).partition(".")[0]


_JSON_NAMES: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "an integer", float: "a number", str: "a string", bytes: "bytes",
    list: "a list", tuple: "a tuple", dict: "an object",
}  # fmt: skip


def name_of(value: Any) -> str:
    """Say what a value is, for the ``got`` of a message."""
    cls = type(value)
    return _JSON_NAMES.get(cls) or (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{module_of(value)}.{cls.__qualname__}"
    )


def mismatch(path: str, expected: str, value: Any, *, hint: str | None = None) -> DataError:
    """Return the error for a value of the wrong kind."""
    return DataError(path, expected, name_of(value), hint=hint)


def child(path: str, key: str | int) -> str:
    """Return the path of an item: ``data[3]``, ``data.age``, ``data["petal width"]``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
