"""How the argument of a call is sent: in which format, and whether in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem_model.data.types.base import module_of

if TYPE_CHECKING:
    from mlem_model.models.model import Method

BINARY_FROM_BYTES = 4096
"""Arrays, tensors and frames of at least this size are sent in a binary format, if the server supports one."""


def binary_format(method: Method, values: Mapping[str, Any], formats: Sequence[str]) -> str | None:
    """Return the media type to send the only argument in; None if JSON does as well, or the server supports no other.

    Args:
        method: The method.
        values: The arguments.
        formats: Media types that the server takes.
    """
    if not formats or len(values) != 1:
        return None
    from mlem_model.data.formats import binary as wire

    ((name, value),) = values.items()
    data_type = next(argument.data_type for argument in method.args if argument.name == name)
    if sum(argument.required for argument in method.args) > 1:
        return None
    found = next((form for form in wire.formats_of(data_type) if form in formats), None)
    # as it would be sent: a tensor is an array then, a frame of polars one of pandas
    return found if found is not None and _size_bytes(data_type.to_wire(value)) >= BINARY_FROM_BYTES else None


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
