"""Validation of declarations, with errors that name the file, the field, what it accepts and what it got."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from mlem_model.errors import DeclarationError, MlemError
from mlem_model.objects.fields import describe_type, field_at, inner_type, tagged_member
from mlem_model.objects.source import source_of

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(cls: type[ModelT], data: Mapping[str, Any], source: str, *, prefix: str = "") -> ModelT:
    """Build a model from plain data.

    Args:
        cls: The class to build.
        data: Field names and values.
        source: The file or the command line that the data is from, for messages.
        prefix: The path of ``data`` inside ``source``, with its dot.

    Raises:
        DeclarationError: A field is unknown, missing, or has a value that it does not accept.
    """
    try:
        return cls.model_validate(dict(data))
    except ValidationError as error:
        raise translated(cls, error, source, prefix) from None  # the cause would repeat the value, which may be secret


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Suggest the nearest known word, as a hint; None when nothing is near."""
    near = difflib.get_close_matches(word.replace("-", "_"), known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else None


def translated(cls: type[BaseModel], error: ValidationError, source: str, prefix: str = "") -> MlemError:
    """Return our error for one of pydantic's.

    Args:
        cls: The class that was to be built.
        error: What pydantic says.
        source: Where the data is from; see `validate`.
        prefix: The path of the data inside ``source``, with its dot.
    """
    lines: list[str] = []
    hint: str | None = None
    known: Sequence[str] = ()
    for details in _most_telling(error.errors(include_url=False)):
        location = tuple(details["loc"])
        path = prefix + ".".join(map(str, _without_tags(cls, location)))
        where = source_of(source, path)
        if details["type"] == "extra_forbidden":
            known = _field_names(cls, location[:-1])
            hint = hint or did_you_mean(str(location[-1]), known)
            lines.append(f"{where}: {path}: unknown field")
        elif details["type"] == "missing":
            lines.append(f"{where}: {path}: required field is missing")
        else:
            hint = hint or getattr(details.get("ctx", {}).get("error"), "hint", None) or _quoting(location, details)
            lines.append(
                ": ".join(part for part in (where, path.rstrip("."), _complaint(cls, location, details)) if part)
            )
    return DeclarationError("\n".join(dict.fromkeys(lines)), hint=hint, known=known)


def _without_tags(cls: type[BaseModel], location: tuple[int | str, ...]) -> Iterator[int | str]:
    """Remove what pydantic adds to a path: the tag of the union's member that it tried."""
    for index, part in enumerate(location):
        above = field_at(cls, location[:index])
        if above is None or tagged_member(inner_type(above[0]), part) is None:
            yield part


def _most_telling(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Keep one error for each place: a union reports each of its members."""
    places: dict[tuple[Any, ...], ErrorDetails] = {}
    for details in errors:
        places.setdefault(tuple(details["loc"]), details)
    return list(places.values())


def _complaint(cls: type[BaseModel], location: tuple[int | str, ...], details: ErrorDetails) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    found = field_at(cls, location)
    if found is None:
        # pydantic puts the member of a union at the end of the path: look at the union itself
        found = field_at(cls, location[:-1])
    if found is None:
        return details["msg"][:1].lower() + details["msg"][1:]
    return f"expected {describe_type(*found)}, got {_got(details['input'], found[0])}"


def _quoting(location: tuple[int | str, ...], details: ErrorDetails) -> str | None:
    """Say how YAML writes a text that looks like something else: ``DEBUG: true``, ``VERSION: 1.10``."""
    value = details["input"]
    if details["type"] != "string_type" or not isinstance(value, bool | int | float | datetime.date):
        return None
    return f'in quotes it is a text: {location[-1]}: "{str(value).lower() if isinstance(value, bool) else value}"'


def _got(value: Any, annotation: Any) -> str:
    if inner_type(annotation) is SecretStr:
        return "something else"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _field_names(cls: type[BaseModel], location: tuple[int | str, ...]) -> Sequence[str]:
    found = field_at(cls, location)
    inner = inner_type(found[0]) if found else None
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return sorted(inner.model_fields)
    return ()
