"""Data types from Python's annotations: what a function says that it takes, before any sample is looked at."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from mlem_model.data.types.base import DataType
from mlem_model.data.types.containers.classes import ClassType, field_names, form_of
from mlem_model.data.types.containers.mappings import DictType, MappingType
from mlem_model.data.types.containers.sequences import ListType, TupleType
from mlem_model.data.types.containers.sets import SetType
from mlem_model.data.types.plain.literal import LiteralType
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.standard import StandardType
from mlem_model.data.types.plain.union import UnionType, unify
from mlem_model.data.types.plain.unspecified import UnspecifiedType

_PLAIN: dict[Any, DataType] = {
    **{cls: PrimitiveType.model_validate({"ptype": cls.__name__}) for cls in (int, float, str, bool, bytes)},
    None: PrimitiveType(ptype="NoneType"),
    type(None): PrimitiveType(ptype="NoneType"),
    **{
        cls: StandardType.model_validate({"kind": cls.__name__})
        for cls in (date, datetime, time, timedelta, Decimal, UUID)
    },
}
_LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)


def of_annotation(annotation: Any) -> DataType | None:
    """Return the data type of an annotation.

    Args:
        annotation: What `typing.get_type_hints` returns; a `DataType` stands for itself.

    Returns:
        The type; None where the annotation does not say it: ``Any``, a bare ``list``, an array, a frame.
    """
    if isinstance(annotation, DataType):
        return annotation
    try:
        if annotation in _PLAIN:
            return _PLAIN[annotation]
    except TypeError:  # an annotation that can't be hashed
        return None
    if form_of(annotation) is not None:
        return _class(annotation)
    if typing.is_typeddict(annotation):
        return _typed_dict(annotation)
    supertype = getattr(annotation, "__supertype__", None) or getattr(
        annotation, "__value__", None
    )  # NewType, and type X = ...
    if supertype is not None:
        return of_annotation(supertype)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return of_annotation(arguments[0])
    if origin in (typing.Required, typing.NotRequired):
        return of_annotation(arguments[0])
    if origin is typing.Literal:
        scalar = all(value is None or type(value) in (str, int, float, bool) for value in arguments)
        return LiteralType(values=arguments) if scalar else None
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    return _container(origin, arguments) if arguments else None


def hints_of(function: Any) -> Mapping[str, Any]:
    """Return the annotations of a function or a class, without those that refer to names that do not exist."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # an annotation is an expression written by the user
        found = getattr(function, "__annotations__", {})
        return (
            {name: hint for name, hint in found.items() if not isinstance(hint, str)} if isinstance(found, dict) else {}
        )


def _union(members: tuple[Any, ...]) -> DataType | None:
    found = [of_annotation(member) for member in members]
    known = [item for item in found if item is not None]
    if len(known) < len(found):
        return None
    there = [item for item in known if item != PrimitiveType(ptype="NoneType")]
    inner = there[0] if len(there) == 1 else _numbers(there) or UnionType(types=tuple(there))
    return OptionalType(dtype=inner) if len(there) < len(known) else inner


def _numbers(members: list[DataType]) -> DataType | None:
    found = unify(members)
    return found if isinstance(found, PrimitiveType) else None


def _container(origin: Any, arguments: tuple[Any, ...]) -> DataType | None:
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _of_items(arguments[0], lambda item: ListType(dtype=item, as_tuple=True))
        items = [of_annotation(argument) for argument in arguments]
        return None if None in items else TupleType(items=tuple(item for item in items if item is not None))
    if origin in _LISTS:
        return _of_items(arguments[0], lambda item: ListType(dtype=item))
    if origin in _SETS:
        return _of_items(arguments[0], lambda item: SetType(dtype=item, frozen=origin is frozenset))
    if origin in _MAPPINGS:
        key = of_annotation(arguments[0])
        texts = isinstance(key, PrimitiveType) and key.ptype in ("str", "int")
        return _of_items(arguments[1], lambda item: MappingType(key=key, value=item)) if texts else None
    return None


def _of_items(annotation: Any, build: Callable[[Any], DataType]) -> DataType | None:
    item = UnspecifiedType() if annotation is Any else of_annotation(annotation)
    return None if item is None else build(item)


def _typed_dict(cls: Any) -> DataType:
    hints = hints_of(cls)
    items = {name: of_annotation(hint) or UnspecifiedType() for name, hint in hints.items()}
    origins = {name: typing.get_origin(hint) for name, hint in hints.items()}
    optional = [
        name
        for name in items
        # where annotations are strings, the class does not see these words
        if origins[name] is typing.NotRequired
        or (name in cls.__optional_keys__ and origins[name] is not typing.Required)
    ]
    return DictType(items=items, optional=tuple(optional))


def _class(cls: type) -> DataType:
    hints = (
        {name: field.annotation for name, field in cls.model_fields.items()}
        if issubclass(cls, BaseModel)
        else hints_of(cls)
    )
    return ClassType.of_class(
        cls, {name: of_annotation(hints.get(name)) or UnspecifiedType() for name in field_names(cls)}
    )
