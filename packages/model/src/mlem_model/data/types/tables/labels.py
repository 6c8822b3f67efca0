"""`Labels`: the labels of a frame's columns, which are compared once for each index, and not once for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.base import module_of
from mlem_model.errors import DataError


class Labels:
    """The labels of the columns of a kind of frame.

    Args:
        columns: The labels.
        index: The index that such a frame has.

    Attributes:
        index: The same; made once, since that takes longer than the rest of a frame.
    """

    def __init__(self, columns: Sequence[Any], index: Any) -> None:
        self.index = index
        self._columns = tuple(columns)
        self._last = index

    def are(self, index: Any) -> bool:
        """Say whether an index has these labels in this order.

        Args:
            index: The columns of a frame. A frame's rows share it with the frame: then nothing is compared.
        """
        if index is self._last or self.index.is_(index):
            return True
        if len(index) != len(self._columns):
            return False
        alike = type(index) is type(self.index) and index.dtype == self.index.dtype
        if not (alike and index.equals(self.index)) and tuple(index) != self._columns:
            return False
        self._last = index
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return Labels, (self._columns, self.index)


def label_of(label: Any) -> Any:
    """Return the label of a column as it can be written.

    Raises:
        DataError: It can't.
    """
    if module_of(label) == "numpy" and getattr(label, "shape", None) == () and label.dtype.kind in "iufU":
        label = label.item()
    if isinstance(label, tuple) and label and all(part is None or _is_plain(part) for part in map(_label_part, label)):
        return tuple(map(_label_part, label))
    if not _is_plain(label):
        hint = "name the columns: df.columns = [...], for instance df.columns = df.columns.map(str)"
        raise DataError(
            "data", "columns named by strings, numbers or tuples of them", f"the column {label!r}", hint=hint
        )
    return str(label) if isinstance(label, str) else label


def _label_part(part: Any) -> Any:
    return part.item() if module_of(part) == "numpy" and getattr(part, "shape", None) == () else part


def _is_plain(label: Any) -> bool:
    return isinstance(label, str) or (isinstance(label, int | float) and not isinstance(label, bool) and label == label)
