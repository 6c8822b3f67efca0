"""The data types that exist, for code that has to know them all: a value's type is found by asking each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mlem_model.data.types.base import DataType, name_of
from mlem_model.errors import DataError
from mlem_model.interrupts import INTERRUPTS
from mlem_model.plugins.registry import registry
from mlem_model.raised import in_words

_known: list[type[DataType]] = []
_log = logging.getLogger("mlem.plugins")


def register(classes: Sequence[type[DataType]]) -> None:
    """Add data types of ours; `infer` asks them in this order, and before those of plugins."""
    _known.extend(classes)


def foreign(data: Mapping[str, Any]) -> DataType:
    """Build a data type of a plugin from plain data.

    Args:
        data: Its fields; ``type`` is its word.

    Raises:
        ValueError: No installed plugin has the word, or the fields do not fit: pydantic's ValidationError is one.
    """
    word = str(data.get("type"))
    cls = registry().find(("data_type",), word)
    if cls is None:
        known = ", ".join(sorted(registry().all("data_type")))
        raise ValueError(f'expected a data type, with one of {known} as its type; no installed package has "{word}"')
    found: DataType = cls.model_validate(dict(data))
    return found


def infer(value: Any, path: str = "data") -> DataType:
    """Describe a value.

    Args:
        value: A Python value; containers are looked into.
        path: Where it is, for messages.

    Raises:
        DataError: No data type describes it.

    Example:
        >>> infer([1, 2.5]).model_dump()
        {'type': 'list', 'dtype': {'type': 'primitive', 'ptype': 'float'}, 'size': None}
    """
    for cls in _known:
        found = cls.of(value, lambda item: infer(item, path))
        if found is not None:
            return found
    for other in registry().all("data_type").values():
        found = None if other in _known else _asked(other, value, path)
        if found is not None:
            return found
    raise DataError(
        path,
        "a number, string, boolean, bytes, date, time, None, a list, tuple, set or dict of them, an enum, a dataclass, "
        "a numpy array, a tensor, or a pandas frame or series",
        name_of(value),
    )


def _asked(cls: type[DataType], value: Any, path: str) -> DataType | None:
    """Ask a plugin's type; one that fails is passed over."""
    try:
        return cls.of(value, lambda item: infer(item, path))
    except INTERRUPTS:
        raise
    except DataError:
        raise
    except BaseException as error:  # foreign code must not end the saving of a value that is not its own
        _log.warning('data type "%s" of %s is passed over: of raised %s', cls.type, cls.__module__, in_words(error))
        return None
