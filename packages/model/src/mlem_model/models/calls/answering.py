"""Encoding a model's answers: as the recorded type, or, where an answer is something else, as its own type.

A sample shows one answer. Another row may get a float where the sample got an integer, or None, or a dict with another
key: that answer is right all the same, so it is sent as it is, together with its type.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from mlem_model.data.types.any import (
    DataFrameType,
    DataType,
    DictType,
    Json,
    ListType,
    MappingType,
    NdarrayType,
    SeriesType,
    TupleType,
    UnspecifiedType,
    infer,
    parse_type,
)
from mlem_model.data.types.arrays.array import dtype_name
from mlem_model.data.types.base import module_of
from mlem_model.data.types.index import is_default
from mlem_model.data.types.notes import collecting
from mlem_model.data.types.tables import columns
from mlem_model.errors import DataError
from mlem_model.models.calls.answer_headers import MOST_CHARACTERS, UNNAMED


def encode_answer(returns: DataType, value: Any, path: str = "the answer") -> tuple[Json, DataType]:
    """Encode an answer.

    Args:
        returns: The recorded type.
        value: What the model returned.
        path: Where it is, for messages.

    Returns:
        The JSON, and its type: ``returns``, or that of the value itself.

    Raises:
        DataError: No data type describes the value.
    """
    if not isinstance(returns, UnspecifiedType) and is_on_record(returns, value):
        # an answer keeps all of its columns, and a whole float does not become an integer
        with contextlib.suppress(DataError), collecting(strict=True, exact=True):
            return returns.encode(value, path), returns
    own = infer(value, path)
    return own.encode(value, path), own


_CLASSES: dict[type[DataType], str] = {
    ListType: "list", TupleType: "tuple", DictType: "dict", MappingType: "dict", NdarrayType: "ndarray",
    DataFrameType: "DataFrame", SeriesType: "Series",
}  # fmt: skip


def is_on_record(returns: DataType, value: Any) -> bool:
    """Whether an answer has the recorded class and dtypes.

    Values that could be converted without loss to the recorded type are still something else in the answer.

    Args:
        returns: The recorded type.
        value: What the model returned.
    """
    if returns.wire is not returns:
        own = _own_type(returns, value)
        return own is not None and is_on_record(returns.wire, returns.to_wire(value))
    expected = _CLASSES.get(type(returns))
    if (
        expected is None
        or (isinstance(returns, ListType) and returns.as_tuple)
        or (isinstance(returns, TupleType) and returns.as_list)
    ):
        return True
    name = type(value).__name__
    if name != expected:
        return not (isinstance(value, list | tuple | dict) or name in ("DataFrame", "Series", "ndarray"))
    if isinstance(returns, NdarrayType):
        return returns.masked or dtype_name(value.dtype) == returns.dtype
    if isinstance(returns, SeriesType) and columns.name_of_dtype(value.dtype) != returns.dtype:
        return False
    return not hides_index(returns, value)


def _own_type(returns: DataType, value: Any) -> DataType | None:
    """Return the type of an answer, where it is of the recorded kind."""
    with contextlib.suppress(DataError):
        return type(returns).of(value, infer)
    return None


def hides_index(returns: DataType, value: Any) -> bool:
    """Whether a frame or a series has an index that its recorded type does not have."""
    if (
        not isinstance(returns, DataFrameType | SeriesType)
        or module_of(value) != "pandas"
        or not hasattr(value, "index")
    ):
        return False
    table = returns if isinstance(returns, DataFrameType) else returns.table
    return not (table and table.index_cols) and not is_default(value.index)


def type_header(data_type: DataType) -> str:
    """Return the value of `mlem_model.models.calls.answer_headers.TYPE_HEADER`."""
    text = json.dumps(data_type.model_dump(mode="json"), separators=(",", ":"))
    return text if len(text) <= MOST_CHARACTERS else UNNAMED


def type_of_header(text: str | None) -> DataType | None:
    """Return the type that a header names; None where this version does not know such a type."""
    if not text or text == UNNAMED or len(text) > MOST_CHARACTERS:
        return None
    try:
        return parse_type(json.loads(text))
    except (ValueError, RecursionError):
        return None
