"""What a field of a declaration accepts, in words.

For error messages, ``--help``, ``mlem types`` and the reference pages.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


@dataclass(frozen=True)
class Unit:
    """The unit of a number, put beside its type: ``timeout_s: Annotated[float, Unit("s")] = 60``.

    Args:
        symbol: As it is written after a number, for example ``s`` or ``MiB``.
    """

    symbol: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Put the unit into the JSON Schema; see pydantic's "Customizing JSON Schema"."""
        return {**handler(core_schema), "unit": self.symbol}


_NOUNS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    Path: "a path",
    SecretStr: "a secret",
    type(None): "null",
    dict: "a mapping",
    list: "a list",
}


def inner_type(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``| None`` from an annotation."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return inner_type(members[0])
    return annotation


def describe_type(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Say what an annotation accepts: ``an integer from 1 to 65535``."""
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = [*metadata, *more]
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return " or ".join(dict.fromkeys(describe_type(member, metadata) for member in members))
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return " or ".join(f'"{member.value}"' for member in annotation)
    if origin in (list, tuple, set, frozenset, Sequence):
        item = next((arg for arg in get_args(annotation) if arg is not Ellipsis), Any)
        return f"a list of {_plural(describe_type(item))}"
    if origin in (dict, Mapping):
        return f"a mapping to {_plural(describe_type(get_args(annotation)[1]))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a mapping with the fields {', '.join(annotation.model_fields)}"
    return _NOUNS.get(annotation, "a value") + _limits(metadata)


def _plural(noun: str) -> str:
    for article in ("an ", "a "):
        if noun.startswith(article):
            head, _, tail = noun.removeprefix(article).partition(" ")
            return f"{head}s {tail}".strip()
    return noun


def _limits(metadata: Sequence[Any]) -> str:
    found: dict[str, Any] = {}
    for item in _flatten(metadata):
        for name in ("ge", "gt", "le", "lt", "pattern", "min_length", "max_length"):
            value = getattr(item, name, None)
            if value is not None:
                found[name] = value
    words = []
    if "ge" in found and "le" in found:
        words.append(f"from {found['ge']} to {found['le']}")
    elif "ge" in found:
        words.append(f"of at least {found['ge']}")
    elif "le" in found:
        words.append(f"of at most {found['le']}")
    if "gt" in found:
        words.append(f"above {found['gt']}")
    if "lt" in found:
        words.append(f"below {found['lt']}")
    if "pattern" in found:
        words.append(f"matching {found['pattern']}")
    if "min_length" in found or "max_length" in found:
        words.append(f"of {found.get('min_length', 0)} to {found.get('max_length', 'any number of')} characters")
    return "".join(f" {word}" for word in words)


def _flatten(metadata: Sequence[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flatten(item.metadata)
        else:
            yield item


@dataclass(frozen=True)
class FieldDescription:
    """One field, as ``--help``, ``mlem types`` and the reference show it.

    Attributes:
        name: Dotted name, as in a file and on the command line.
        type: What it accepts, in words.
        unit: Unit of a number, or None.
        required: Whether a declaration must have it.
        default: The value when it is not given.
        help: What it means.
    """

    name: str
    type: str
    unit: str | None
    required: bool
    default: Any
    help: str


def describe_fields(cls: type[BaseModel], prefix: str = "") -> Iterator[FieldDescription]:
    """Describe the fields of a class, nested models included, in the order of their definition."""
    for name, field in cls.model_fields.items():
        nested = inner_type(field.annotation)
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from describe_fields(nested, f"{prefix}{name}.")
            continue
        yield describe_field(f"{prefix}{name}", field)


def describe_field(name: str, field: FieldInfo) -> FieldDescription:
    """Describe one field."""
    unit = next((item.symbol for item in _flatten(field.metadata) if isinstance(item, Unit)), None)
    default = None if field.default is PydanticUndefined else field.default
    if field.default_factory is not None and not field.default_factory_takes_validated_data:
        default = field.default_factory()  # type: ignore[call-arg]  # it takes none, see the line above
    return FieldDescription(
        name,
        describe_type(field.annotation, field.metadata),
        unit,
        field.is_required(),
        default,
        field.description or "",
    )


def field_at(cls: Any, location: Sequence[int | str]) -> tuple[Any, Sequence[Any]] | None:
    """Find the annotation (and its metadata) that a path into a document leads to.

    Args:
        cls: The model class at the root.
        location: Field names, keys and indexes, outermost first.

    Returns:
        The annotation with its constraints, or None where the path leaves what is declared.
    """
    annotation: Any = cls
    metadata: Sequence[Any] = ()
    for part in location:
        annotation = inner_type(annotation)
        origin = get_origin(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(part))
            if field is None:
                return None
            annotation, metadata = field.annotation, field.metadata
        elif origin in (dict, Mapping):
            annotation, metadata = get_args(annotation)[1], ()
        elif origin in (list, tuple, Sequence):
            annotation, metadata = get_args(annotation)[0], ()
        elif (member := tagged_member(annotation, part)) is not None:
            annotation, metadata = member, ()
        else:
            return None
    return annotation, metadata


def tagged_member(annotation: Any, tag: int | str) -> type[BaseModel] | None:
    """Return the member of a union whose ``type`` has a value: pydantic puts it into the paths of its errors."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    for member in get_args(annotation):
        inner = inner_type(member)
        field = inner.model_fields.get("type") if isinstance(inner, type) and issubclass(inner, BaseModel) else None
        if field is not None and field.default == tag:
            found: type[BaseModel] = inner
            return found
    return None
