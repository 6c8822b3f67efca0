"""How much memory decoded calls take while they wait for the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mlem_model.data.types.tables.blocks.assembly import arrays_of
from mlem_server.decoding.limits import VALUE_BYTES
from mlem_server.inference.endpoint import Call

_LOOKED_AT = 1000


class HasCall(Protocol):
    """What a protocol decodes a body to: a call, and what it needs to write the answer."""

    @property
    def call(self) -> Call:
        """The call."""


def size_of(decoded: Call | HasCall | Sequence[Call]) -> int:
    """Return the size of what a body was decoded to, in bytes.

    Arrays and tables say it themselves; for lists it is an estimate.
    """
    if isinstance(decoded, Call):
        return sum(map(_size, decoded.values.values()))
    return sum(map(size_of, decoded)) if isinstance(decoded, Sequence) else size_of(decoded.call)


def _size(value: Any) -> int:
    usage = getattr(value, "memory_usage", None)
    if callable(usage):  # pandas
        return _size_of_frame(value) if value.ndim == 2 else int(usage(index=False))
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return VALUE_BYTES
    looked_at = value[:_LOOKED_AT]
    sizes = sum(_size(item) for item in looked_at)
    return VALUE_BYTES * len(value) + sizes * len(value) // max(1, len(looked_at))


def _size_of_frame(frame: Any) -> int:
    """Add up the columns of a frame of pandas, whose `memory_usage` takes 15 us for each."""
    import numpy as np

    dtypes = frame.dtypes.to_numpy().tolist()
    if all(isinstance(dtype, np.dtype) for dtype in set(dtypes)):
        return sum(int(dtype.itemsize) for dtype in dtypes) * len(frame)
    return sum(int(array.nbytes) for array in arrays_of(frame))
