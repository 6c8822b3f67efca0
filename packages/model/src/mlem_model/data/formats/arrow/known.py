"""`Layouts`: the layouts of the streams that callers sent as values of one type."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.arrow.layout import Layout
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType
from mlem_model.data.types.tables.frames import DataFrameType

if TYPE_CHECKING:
    import pyarrow

MOST = 4
"""So many are kept for a type, the last ones that were met: callers of several libraries begin in several ways."""
_known: dict[int, Layouts] = {}


class Layouts:
    """The layouts that were met.

    Args:
        data_type: The type of the values.
    """

    def __init__(self, data_type: DataType) -> None:
        self._data_type = weakref.ref(data_type)
        self._layouts: tuple[Layout, ...] = ()

    @classmethod
    def of(cls, data_type: DataType) -> Layouts | None:
        """Return those of a type, which are forgotten together with it; None for types that have none."""
        if not isinstance(data_type, DataFrameType | NdarrayType):
            return None
        found = _known.get(id(data_type))
        if found is None or found._data_type() is not data_type:
            found = _known[id(data_type)] = cls(data_type)
            weakref.finalize(data_type, _known.pop, id(data_type), None)
        return found

    def read(self, body: bytes | bytearray, most_bytes: float = math.inf) -> Any:
        """Return the value of a stream; None where none of the layouts is its own.

        Args:
            body: The stream.
            most_bytes: See `Layout.read`.
        """
        data_type = self._data_type()
        for layout in self._layouts:
            if data_type is not None and body.startswith(layout.beginning):
                try:
                    return layout.read(data_type, body, most_bytes)
                except Exception:  # pyarrow raises what it likes on damaged input, and is asked for its words next
                    return None
        return None

    def are_numbers(self, body: bytes | bytearray) -> bool:
        """Say whether a stream begins in a known way, and has nothing but numbers, booleans and times."""
        return any(layout.has_numbers and body.startswith(layout.beginning) for layout in self._layouts)

    def meet(self, body: bytes | bytearray, table: pyarrow.Table, value: Any) -> None:
        """Keep the layout of a stream, if it leads to the same value.

        Args:
            body: The stream.
            table: What pyarrow read.
            value: What was made of that.
        """
        data_type = self._data_type()
        if data_type is None or any(body.startswith(layout.beginning) for layout in self._layouts):
            return
        layout = Layout.of(data_type, body, table)
        if layout is None:
            return
        made = layout.read(data_type, body, math.inf)
        if made is not None and _are_equal(made, value):
            self._layouts = (layout, *self._layouts[: MOST - 1])


def _are_equal(made: Any, value: Any) -> bool:
    import numpy as np

    if hasattr(made, "dtypes"):
        return list(made.dtypes) == list(value.dtypes) and made.columns.equals(value.columns) and made.equals(value)
    return made.dtype == value.dtype and np.array_equal(made, value, equal_nan=made.dtype.kind == "f")
