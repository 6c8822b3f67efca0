"""`ClassType`: objects of the user's own classes: enums, dataclasses, named tuples and models of pydantic.

The class itself travels with the model, beside the object in its pickle; whoever loads the model registers it here. A
client that has imported the class gets its objects as answers; any other gets the plain value: a dict, or the value of
an enum's member.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from mlem_model.data.types.base import DataType, Json, mismatch
from mlem_model.data.types.containers.mappings import DictType
from mlem_model.errors import DataError
from mlem_model.objects.validation import did_you_mean

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

Form = Literal["enum", "flag", "dataclass", "namedtuple", "pydantic"]

_known: dict[str, type] = {}


def register_classes(classes: Mapping[str, type]) -> None:
    """Register classes that came with a model, so that values of them can be made.

    Args:
        classes: The classes, by `name_of_class`.
    """
    _known.update(classes)


def name_of_class(cls: type) -> str:
    """Return the name that a class goes by in files: ``module:qualified.name``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def class_types(types: Iterable[DataType]) -> Iterator[ClassType]:
    """Yield the types of classes among some types and in their parts."""
    waiting = list(types)
    while waiting:
        data_type = waiting.pop()
        waiting += data_type.parts()
        if isinstance(data_type, ClassType):
            yield data_type


def form_of(cls: Any) -> Form | None:
    """Say which form a class has; None when its objects are not described by `ClassType`."""
    if not isinstance(cls, type):
        return None
    if issubclass(cls, enum.Enum):
        return "flag" if issubclass(cls, enum.Flag) else "enum"
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return "namedtuple"
    if issubclass(cls, BaseModel):
        return None if issubclass(cls, DataType) else "pydantic"
    return "dataclass" if dataclasses.is_dataclass(cls) else None


class ClassType(DataType):
    """An object of one of the user's classes.

    Attributes:
        name: The class: ``module:qualified.name``.
        form: What kind of class it is.
        fields: The type of each field that is given to make an object; none of an enum.
        optional: Fields that have a default.
        members: Of an enum, what each member is in JSON: its value where that is a string or an integer, else its name.
            Of flags, the bit of each: several together are the sum.
    """

    type: ClassVar[str] = "class"
    name: str
    form: Form
    fields: dict[str, AnyDataType] = Field(default_factory=dict)
    optional: tuple[str, ...] = ()
    members: dict[str, str | int] = Field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        form = form_of(type(value))
        if form is None:
            return None
        return cls.of_class(
            type(value),
            {name: infer(getattr(value, name)) for name in field_names(type(value)) if hasattr(value, name)},
        )

    @classmethod
    def of_class(cls, described: Any, fields: Mapping[str, DataType]) -> Self:
        """Describe a class.

        Args:
            described: The class; `form_of` knows it.
            fields: The types of its fields.
        """
        form = form_of(described)
        if form is None:
            raise AssertionError("the caller has looked")
        register_classes({name_of_class(described): described})
        if form == "flag":
            return cls(
                name=name_of_class(described),
                form=form,
                members={member.name: int(member.value) for member in described},
            )
        if issubclass(described, enum.Enum):
            plain = all(type(member.value) in (str, int) or isinstance(member, str | int) for member in described)
            members = {member.name: (_plain(member.value) if plain else member.name) for member in described}
            return cls(name=name_of_class(described), form=form, members=members)
        optional = tuple(name for name in fields if name in _with_defaults(described))
        return cls(name=name_of_class(described), form=form, fields=dict(fields), optional=optional)

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`."""
        if any(item.name != self.name for item in others):
            return None
        merged = DictType(items=self.fields).merge([DictType(items=item.fields) for item in others])
        return self.model_copy(update={"fields": merged.items}) if isinstance(merged, DictType) else None

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return tuple(self.fields.values())

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`; the class's own name is the title."""
        title = {"title": self.name.rpartition(":")[2].rpartition(".")[2]}
        if self.form == "flag":
            return {
                **title,
                "type": "integer",
                "description": ", ".join(f"{value}: {name}" for name, value in self.members.items()),
            }
        return {
            **title,
            **({"enum": list(self.members.values())} if self.form == "enum" else self._as_dict.json_schema()),
        }

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; a dict of the fields, and what an enum's member is in JSON, convert."""
        if self.form == "enum":
            if isinstance(value, enum.Enum) and value.name in self.members:
                return self.members[value.name]
            self._member(value, path)
            return value
        if self.form == "flag":
            return self._flags(value.value if isinstance(value, enum.Flag) else value, path)
        if isinstance(value, dict):
            return self._as_dict.encode(value, path)
        if form_of(type(value)) != self.form:
            raise mismatch(path, f"a {self._word}, or a dict of its fields", value)
        return self._as_dict.encode({name: getattr(value, name) for name in self.fields if hasattr(value, name)}, path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`.

        Returns:
            An object of the class where it is known; else a dict of the fields, or the payload of an enum.
        """
        found = self.find()
        if self.form == "enum":
            member = self._member(payload, path)
            return found[member] if found is not None and issubclass(found, enum.Enum) else payload
        if self.form == "flag":
            flags = self._flags(payload, path)
            return flags if found is None else found(flags)
        values = self._as_dict.decode(payload, path)
        if found is None:
            return tuple(values.values()) if self.form == "namedtuple" else values
        try:
            return found(**values)
        except (ValueError, TypeError) as error:  # the class checks what it is given
            text = " ".join(str(error).split())[:300]
            raise DataError(path, f"fields that {self._word} takes", text or type(error).__name__) from error

    def find(self) -> Any:
        """Return the class; None where it is not registered, and no loaded module has it."""
        if self.name in _known:
            return _known[self.name]
        module, _, qualname = self.name.partition(":")
        found: Any = sys.modules.get(module)
        for part in qualname.split("."):
            found = getattr(found, part, None)
        return found if form_of(found) == self.form else None

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return set().union(*(item.requirements() for item in self.fields.values()))

    @property
    def _as_dict(self) -> DictType:
        return DictType(items=self.fields, optional=self.optional)

    @property
    def _word(self) -> str:
        return self.name.rpartition(":")[2].rpartition(".")[2]

    def _flags(self, payload: Any, path: str) -> int:
        known = 0
        for value in self.members.values():
            known |= int(value)
        if type(payload) is not int or payload < 0 or payload & ~known:
            raise DataError(path, f"a sum of {', '.join(map(str, self.members.values()))}", repr(payload)[:100])
        return payload

    def _member(self, payload: Any, path: str) -> str:
        for name, value in self.members.items():
            if type(value) is type(payload) and value == payload:
                return name
        known = [str(value) for value in self.members.values()]
        hint = did_you_mean(payload, known) if isinstance(payload, str) else None
        raise DataError(path, f"one of {', '.join(known)}", repr(payload)[:100], hint=hint)


def field_names(cls: type) -> list[str]:
    """Return the names of the fields that objects of a class are made with."""
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls) if field.init]
    if issubclass(cls, BaseModel):
        return list(cls.model_fields)
    return list(getattr(cls, "_fields", ()))


def _with_defaults(cls: type) -> frozenset[str]:
    if dataclasses.is_dataclass(cls):
        nothing = dataclasses.MISSING
        return frozenset(
            field.name
            for field in dataclasses.fields(cls)
            if not (field.default is nothing and field.default_factory is nothing)
        )
    if issubclass(cls, BaseModel):
        return frozenset(name for name, field in cls.model_fields.items() if not field.is_required())
    return frozenset(getattr(cls, "_field_defaults", ()))


def _plain(value: Any) -> str | int:
    return int(value) if isinstance(value, int) else str(value)
