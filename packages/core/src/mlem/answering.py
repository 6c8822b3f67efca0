"""Answers of a model: encoded as the type on record has it, or as what they are where that is something else.

A sample shows one answer. Another row may be answered with a float where there was an integer, with None, or with a key that was not there:
that answer is right all the same, so it goes out as it is, and says of what type it is.
"""

from __future__ import annotations

import json
from typing import Any

from mlem.answer_headers import MOST_CHARACTERS, UNNAMED
from mlem.data import DataFrameType, DataType, Json, SeriesType, infer, parse_type
from mlem.data_types.base import module_of
from mlem.data_types.index import is_default
from mlem.data_types.notes import collecting
from mlem.errors import DataError

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
    try:
        if not isinstance(returns, DataFrameType | SeriesType):
            return returns.encode(value, path), returns
        if not hides_index(returns, value):
            with collecting(strict=True):  # a column too many is not left out of an answer
                return returns.encode(value, path), returns
    except DataError:
        pass
    own = infer(value, path)
    return own.encode(value, path), own


def hides_index(returns: DataType, value: Any) -> bool:
    """Whether a frame or a series has an index that its type on record has not."""
    if not isinstance(returns, DataFrameType | SeriesType) or module_of(value) != "pandas" or not hasattr(value, "index"):
        return False
    table = returns if isinstance(returns, DataFrameType) else returns.table
    return not (table and table.index_cols) and not is_default(value.index)


def type_header(data_type: DataType) -> str:
    """Return the value of `mlem.answer_headers.TYPE_HEADER`."""
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
