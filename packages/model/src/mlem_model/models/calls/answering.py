"""Answers of a model: encoded as the type on record has it, or as what they are where that is something else.

A sample shows one answer. Another row may be answered with a float where there was an integer, with None, or with a key
that was not there: that answer is right all the same, so it goes out as it is, and says of what type it is.
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
        returns: The type on record.
        value: What the model returned.
        path: Where it is, for messages.

    Returns:
        The JSON, and the type that it is of: ``returns``, or that of the value itself.

    Raises:
        DataError: No data type describes the value.
    """
    if not isinstance(returns, UnspecifiedType) and is_on_record(returns, value):
        # a column too many is not left out of an answer, and a whole float is no integer
        with contextlib.suppress(DataError), collecting(strict=True, exact=True):
            return returns.encode(value, path), returns
    own = infer(value, path)
    return own.encode(value, path), own


_CLASSES: dict[type[DataType], str] = {
    ListType: "list", TupleType: "tuple", DictType: "dict", MappingType: "dict", NdarrayType: "ndarray", DataFrameType: "DataFrame",
    SeriesType: "Series",
}  # fmt: skip


def is_on_record(returns: DataType, value: Any) -> bool:
    """Whether an answer is of the class on record, with its dtypes: what converts without loss would still be another thing there.

    Args:
        returns: The type on record.
        value: What the model returned.
    """
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


def hides_index(returns: DataType, value: Any) -> bool:
    """Whether a frame or a series has an index that its type on record has not."""
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
    """Return the type that a header names; None where it names none that this version knows."""
    if not text or text == UNNAMED or len(text) > MOST_CHARACTERS:
        return None
    try:
        return parse_type(json.loads(text))
    except (ValueError, RecursionError):
        return None
