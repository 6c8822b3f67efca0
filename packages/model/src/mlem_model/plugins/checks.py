"""What is checked of a plugin's class before anything uses it."""

from __future__ import annotations

import importlib
import re
from typing import Any

from mlem_model.interrupts import INTERRUPTS
from mlem_model.objects.fields import describe_fields
from mlem_model.objects.object import HEAD
from mlem_model.plugins.kinds import CONTRACTS, Kind
from mlem_model.raised import in_words


def problem_of(kind: Kind, cls: Any) -> str | None:
    """Say in words why a class can't be used; None when it can.

    Args:
        kind: The kind that the plugin's hook has.
        cls: What the hook gave: anything.
    """
    try:
        return _problem(kind, cls)
    except INTERRUPTS:
        raise
    # Properties, metaclasses, defaults: all of it is the plugin's code.
    except BaseException as error:
        return f"{_name(cls)} can't be used: {in_words(error)}"


def _problem(kind: Kind, cls: Any) -> str | None:
    if not isinstance(cls, type):
        return f"{_name(cls)} is not a class"
    base = _base(kind)
    if not issubclass(cls, base):
        return f"{_name(cls)} is not a subclass of mlem.{base.__name__}"
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        return f"{_name(cls)} is abstract: it lacks {', '.join(missing)}"
    word = getattr(cls, "type", None)
    if not isinstance(word, str) or not word:
        return f"{_name(cls)} has no type: expected a class attribute, type: ClassVar[str]"
    if not re.fullmatch(r"[A-Za-z0-9_.]+", word):
        return f'{_name(cls)} has the type "{word}": expected letters, digits, _ and .'
    if kind == "model_type":
        return _problem_of_matches(cls)
    return _problem_of_fields(cls)


def _problem_of_fields(cls: Any) -> str | None:
    taken = [name for name in HEAD if name in cls.model_fields]
    if taken:
        return f"{_name(cls)} has a field {taken[0]}, which is a reserved word in files"
    try:
        for field in describe_fields(cls):
            str(field.default)
    except INTERRUPTS:
        raise
    except BaseException as error:
        return f"{_name(cls)}: a default can't be made: {in_words(error)}"
    return None


def _problem_of_matches(cls: Any) -> str | None:
    try:
        cls.matches(object())
    except INTERRUPTS:
        raise
    except BaseException as error:
        return f"{_name(cls)}: matches raises for an object that is not its own: {in_words(error)}"
    return None


def _base(kind: Kind) -> type[Any]:
    """Return the contract of a kind; it is imported late, because a command needs only one or two of them."""
    module, _, name = CONTRACTS[kind].partition(":")
    base: type[Any] = getattr(importlib.import_module(module), name)
    return base


def _name(cls: Any) -> str:
    """Name a class, or whatever was given in its place, without running its code."""
    if isinstance(cls, type):
        return str(type.__getattribute__(cls, "__qualname__"))
    return f"an object of the type {type(cls).__qualname__}"
