"""Large bodies of rows, decoded a slice at a time.

Other calls get their turn in between, little memory is needed, and the first error ends the work.

A slice begins where a row does, and ends after a bracket that is followed by a comma. Whether that bracket ends a row
is known only when the slice is parsed as a list: where it does not, as within a text or a row, the slice is not valid
JSON, and is made longer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from mlem_model.data.types.any import DataFrameType, DataType
from mlem_model.data.types.sliced import converted
from mlem_model.models.model import ALIAS, Argument
from mlem_server.decoding.json_decoder import has_words, loads, scan

SLICE_BYTES = 128 * 1024
_COLUMN_BYTES, _WIDE_BYTES = 1024, 2**20
"""A slice of a frame of several dtypes is larger by its columns, which cost something in each; up to the second."""
_WRAPPERS = ("inputs", "instances", "dataframe_records")
"""Another name of the only argument; see `mlem_model.models.request_bodies`."""
_HEAD = re.compile(rb'\s*(?:\{\s*("(?:[^"\\]|\\.)*")\s*:\s*)?\[\s*')
_BLANKS = b" \t\r\n"
_ENDS = {b"[": re.compile(rb"\]\s*,"), b"{": re.compile(rb"\}\s*,")}
_BLANK = re.compile(rb"\s*")
_COMMA = re.compile(rb",")

Parse = Callable[[bytes], Any]
"""Makes a value from the JSON of some rows; returns None for JSON that it can't handle; raises ValueError for what is
not JSON."""


class Slices:
    """Decodes the only argument of a method.

    Args:
        argument: The argument.
        fast: A compiled decoder of its JSON; None where there is none.
        size_bytes: How large a slice is, at least; None for what suits the type.
    """

    def __init__(self, argument: Argument, fast: Parse | None, size_bytes: int | None = None) -> None:
        self._type: DataType = argument.data_type
        self._size_bytes = _size_for(self._type) if size_bytes is None else size_bytes
        self._name = argument.name
        self._fast = fast
        self._keys = {argument.name, ALIAS, *_WRAPPERS}

    def decode(self, body: bytes | bytearray, *, bare: bool) -> Any:
        """Decode a body.

        Args:
            body: The whole body.
            bare: Whether the value may come without the argument's name.

        Returns:
            The value; None for a body that is not just these rows, or that has to be decoded as a whole for another
            reason.

        Raises:
            DataError: A row does not fit.
            StoppedError: Nobody waits for it any more.
        """
        found = self._rows_in(body, bare=bare)
        if found is None:
            return None
        try:
            parts = converted(self._type, self._cut(body, *found), self._name, self._value)
            return self._type.join(parts) if len(parts) > 1 else parts[0]
        except (ValueError, RecursionError):  # not JSON after all, or parts that can't be joined
            return None

    def _rows_in(self, body: bytes | bytearray, *, bare: bool) -> tuple[int, int] | None:
        """Return where the rows begin and end, if a body looks like a list of rows, with or without a name."""
        head = _HEAD.match(body)
        if head is None or (head[1] is None and not bare):
            return None
        if head[1] is not None and _text(head[1]) not in self._keys:
            return None
        closing = (b"}", b"]") if head[1] is not None else (b"]",)
        end = len(body)
        for bracket in closing:
            while end > head.end() and body[end - 1] in _BLANKS:
                end -= 1
            if body[end - 1 : end] != bracket:
                return None
            end -= 1
        return (head.end(), end) if end > head.end() else None

    def _value(self, part: _Part) -> Any:
        return part.value if part.value is not None else self._type.decode(loads(part.text), self._name)

    def _cut(self, body: bytes | bytearray, start: int, end: int) -> Iterator[_Part]:
        """Yield lists of rows.

        Raises:
            ValueError: It is not JSON.
        """
        ends = _ENDS.get(bytes(body[start : start + 1]), _COMMA)
        view = memoryview(body)
        while start < end:
            length = self._size_bytes
            while True:
                found = ends.search(body, start + length, end) if start + length < end else None
                stop = end if found is None else found.end() - 1  # the comma
                text = b"".join((b"[", view[start:stop], b"]"))
                value = self._fast(text) if self._fast is not None else None
                if value is not None or found is None or _is_json(text):
                    break
                length = 2 * (stop - start)
            yield _Part(text, value)
            start = stop + 1
            if found is not None and _BLANK.fullmatch(body, start, end):
                raise ValueError("a comma with nothing after it")


def _size_for(data_type: DataType) -> int:
    if not isinstance(data_type, DataFrameType) or data_type.block_dtype is not None:
        return SLICE_BYTES

    return min(max(SLICE_BYTES, len(data_type.columns) * _COLUMN_BYTES), _WIDE_BYTES)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows.

    Attributes:
        text: The JSON of a list.
        value: What the compiled decoder made of it; None where there is no such decoder, or where it can't handle it.
    """

    text: bytes
    value: Any


def _is_json(text: bytes) -> bool:
    try:
        scan(text)
    except (msgspec.DecodeError, RecursionError):
        if not has_words(text):
            return False
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
    return True


def _text(quoted: bytes) -> str:
    try:
        return str(msgspec.json.decode(quoted, type=str))
    except ValueError:
        return ""
