"""How the argument of a call is sent: in which format, and whether in parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem_model.data.types.base import module_of

if TYPE_CHECKING:
    from mlem_model.models.model import Method

JSON_CELL_US = 1.0
"""What a cell costs to write and read as JSON; source: ``benchmarks/client.py``, as for the next."""
NPY = "application/x-npy"
NPY_US = 200.0
"""What a body of this format costs more than one of JSON without a cell."""
_ARROW_US = {"polars": (330.0, 8.0), "pandas": (350.0, 8.0), "scipy": (500.0, 0.0)}
"""The same for Arrow by the library that the value is of, and what each column costs more than it does as JSON."""
_OTHERS_US = (500.0, 20.0)


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
    # no format is cheaper than npy
    if data_type.wire is data_type and _shape(value)[0] * JSON_CELL_US <= NPY_US:
        return None
    media_type = next((form for form in wire.formats_of(data_type) if form in formats), None)
    if media_type is None:
        return None
    value, data_type = data_type.to_wire(value), data_type.wire
    if not _is_cheaper(media_type, value):
        return None
    return Binary(media_type, wire.dump_checked(data_type, value, media_type, name))


def _is_cheaper(media_type: str, value: Any) -> bool:
    """Say whether a value costs less in a binary format than as JSON: to write, to send and to read."""
    cells, columns = _shape(value)
    body_us, column_us = (NPY_US, 0.0) if media_type == NPY else _ARROW_US.get(module_of(value), _OTHERS_US)
    return body_us + column_us * columns < cells * JSON_CELL_US


def _shape(value: Any) -> tuple[int, int]:
    """Count the cells and the columns of an array, a matrix, a frame or a series; none for anything else."""
    kind = module_of(value)
    if kind == "numpy":
        return int(getattr(value, "size", 0)), 0
    if kind in ("pandas", "polars") and (shape := getattr(value, "shape", None)):
        return math.prod(shape), shape[1] if len(shape) == 2 else 1
    if kind == "scipy" and hasattr(value, "nnz"):
        return int(value.nnz), 0
    return 0, 0


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
