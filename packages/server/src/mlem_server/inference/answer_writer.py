"""`AnswerWriter`: writes a model's answers as JSON; the usual ones, arrays and plain values, in a few steps."""

from __future__ import annotations

from math import isfinite
from typing import Any

from mlem_model.data.types.any import DataType, NdarrayType, PrimitiveType
from mlem_model.data.types.plain.scalars import kind_of
from mlem_model.models.calls.answering import encode_answer
from mlem_server.http.response import to_json

_PLAIN: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_MOST_CLASSES = 20


class AnswerWriter:
    """Writes answers of one method.

    The general way looks at everything that an answer could be. Where an answer has a class that was on record before,
    and the recorded dtype and shape, nothing else can come of it than its items.

    Args:
        returns: The recorded type.
    """

    def __init__(self, returns: DataType) -> None:
        self._returns = returns
        self._adapts = returns.wire is not returns
        wire = returns.wire
        self._plain = _PLAIN.get(wire.ptype) if isinstance(wire, PrimitiveType) and not self._adapts else None
        self._array = wire if isinstance(wire, NdarrayType) and _is_simple(wire) else None
        self._on_record: set[type] = set()
        in_rows = self._array is not None and self._array.shape[:1] == (None,) and None not in self._array.shape[1:]
        self._row = self._array.shape[1:] if self._array is not None and in_rows else None
        self._dtype: Any = None

    def write(self, value: Any) -> tuple[bytes, DataType]:
        """Write an answer; return its JSON, and its type: the recorded one, or the value's own.

        Raises:
            DataError: No data type describes the value.
        """
        quick = self._quick(value)
        if quick is not None:
            return quick, self._returns
        encoded, own = encode_answer(self._returns, value)
        if own is self._returns and self._array is not None and len(self._on_record) < _MOST_CLASSES:
            import numpy as np

            self._dtype = np.dtype(self._array.dtype)
            self._on_record.add(type(value))
        return to_json(encoded), own

    def _quick(self, value: Any) -> bytes | None:
        kind = type(value)
        if kind is self._plain:
            return to_json(value) if kind is not float or isfinite(value) else None
        if self._array is None or kind not in self._on_record:
            return None
        array = self._returns.to_wire(value) if self._adapts else value
        shape = array.shape
        fits = shape[1:] == self._row and shape if self._row is not None else self._array.fits(shape)
        if not fits or array.dtype != self._dtype:
            return None
        text = to_json(array.tolist())
        # JSON has no word for what is not finite, and the encoder writes this one
        return None if array.dtype.kind == "f" and b"null" in text else text


def _is_simple(array: NdarrayType) -> bool:
    """Whether the items of an array travel as they are."""
    return kind_of(array.dtype) in ("int", "float", "bool") and array.items is None and not array.masked
