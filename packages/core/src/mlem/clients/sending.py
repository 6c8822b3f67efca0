"""How the argument of a call is sent: in which format, and whether in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem_model.data.types.base import module_of

if TYPE_CHECKING:
    from mlem_model.models.model import Method

BINARY_FROM_BYTES = 4096
"""Arrays, tensors and frames of at least this size are sent in a binary format, if the server supports one."""


@dataclass(frozen=True)
class Binary:
    """The only argument of a call in a binary format.

    Attributes:
        media_type: The format.
        body: The body of the request.
    """

    media_type: str
    body: bytes


def in_binary(method: Method, values: Mapping[str, Any], formats: Sequence[str]) -> Binary | None:
    """Return the only argument in a binary format; None if JSON does as well, or the server supports no other.

    It is converted once, to what travels: a tensor is an array then, which is measured, checked and written.

    Args:
        method: The method.
        values: The arguments.
        formats: Media types that the server takes.

    Raises:
        DataError: The value does not fit.
    """
    if not formats or len(values) != 1 or sum(argument.required for argument in method.args) > 1:
        return None
    from mlem_model.data.formats import binary as wire

    ((name, value),) = values.items()
    data_type = next(argument.data_type for argument in method.args if argument.name == name)
    media_type = next((form for form in wire.formats_of(data_type) if form in formats), None)
    if media_type is None:
        return None
    value, data_type = data_type.to_wire(value), data_type.wire
    if _size_bytes(value) < BINARY_FROM_BYTES:
        return None
    return Binary(media_type, wire.dump(data_type, data_type.accept(value, name), media_type))


def _size_bytes(value: Any) -> int:
    """Return the size of an array, a matrix, a frame or a series in memory; 0 for anything else."""
    if module_of(value) == "numpy":
        return int(getattr(value, "nbytes", 0))
    if module_of(value) == "pandas" and hasattr(value, "memory_usage"):
        used = value.memory_usage(index=False)
        return int(used if isinstance(used, int) else used.sum())
    if module_of(value) == "polars" and hasattr(value, "estimated_size"):
        return int(value.estimated_size())
    if module_of(value) == "scipy" and hasattr(value, "nnz"):
        return int(value.nnz * (value.dtype.itemsize + 4))  # with the number of its column
    return 0


def halves_of(method: Method, values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Split the only argument of a call in two; None where that would change the answer, or can't be done.

    Args:
        method: The method.
        values: The arguments.
    """
    if not method.rowwise or len(values) != 1:
        return None
    ((name, value),) = values.items()
    data_type = next(argument.data_type for argument in method.args if argument.name == name)
    value = data_type.accept(value, name)
    rows = data_type.rows(value) or 0
    if rows < 2:
        return None
    return [{name: data_type.part(value, start, stop)} for start, stop in ((0, rows // 2), (rows // 2, rows))]
