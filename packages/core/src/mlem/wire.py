"""Binary formats: how arrays, frames and series travel faster than as JSON.

Sources: the npy format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; Arrow's streaming format,
https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format (both read 2026-11).
"""

from __future__ import annotations

import importlib.util
import io
import math
from typing import TYPE_CHECKING, Any

from mlem.data_types.arrays import NdarrayType
from mlem.data_types.base import DataType
from mlem.data_types.frames import DataFrameType
from mlem.data_types.series import SeriesType
from mlem.data_types.scalars import kind_of
from mlem.errors import DataError, UserError

if TYPE_CHECKING:
    import pyarrow

JSON = "application/json"
NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"


def formats_of(data_type: DataType) -> tuple[str, ...]:
    """Return the media types of the binary formats that values of a type can travel in here, the best first."""
    if isinstance(data_type, NdarrayType):
        plain = kind_of(data_type.dtype) in ("int", "float", "bool")
        table = plain and len(data_type.shape) == 2 and data_type.shape[0] is None and bool(data_type.shape[1])
        return (NPY,) * plain + (ARROW,) * (table and _has_arrow())
    if isinstance(data_type, DataFrameType):
        return (ARROW,) if _has_arrow() and not data_type.index_cols else ()
    return (ARROW,) if isinstance(data_type, SeriesType) and _has_arrow() else ()


def dump(data_type: DataType, value: Any, media_type: str) -> bytes:
    """Write a value that `DataType.accept` returned, or a method answered.

    Args:
        data_type: Its type; `formats_of` has the media type.
        value: The value.
        media_type: `NPY` or `ARROW`.
    """
    buffer = io.BytesIO()
    if media_type == NPY:
        return _write_npy(value)
    import pyarrow as pa

    table = to_arrow(data_type, value)
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def load(data_type: DataType, body: bytes | bytearray, media_type: str, path: str = "data") -> Any:
    """Read a value, and check it as `DataType.decode` does.

    Args:
        data_type: What it has to be.
        body: The whole body; an array is a view of it, which can be written to where the body is a bytearray.
        media_type: `NPY` or `ARROW`.
        path: Where it is, for messages.

    Raises:
        UserError: The body is damaged, or not in this format.
        DataError: The value does not fit.
    """
    try:
        value = _read_npy(body) if media_type == NPY else _read_arrow(data_type, body)
    except DataError:
        raise
    except Exception as error:  # numpy and pyarrow raise what they like on damaged input
        raise UserError(f"the body is not of type {media_type}", code="bad-body", hint="send it whole, or as JSON") from error
    return data_type.accept(value, path)


def _has_arrow() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def _write_npy(value: Any) -> bytes:
    """Write an array with one copy of its data."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.hasobject:
        raise ValueError("an array of objects has no form but a pickle")
    head = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(head, described)
    plain = array.T if described["fortran_order"] else np.ascontiguousarray(array)
    return b"".join((head.getvalue(), plain.reshape(-1).view(np.uint8).data if plain.size else b""))


def _read_npy(body: bytes | bytearray) -> Any:
    """Read an array without a copy; its length is checked before anything is allocated."""
    import numpy as np

    head = io.BytesIO(bytes(body[:65536]))
    version = np.lib.format.read_magic(head)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(head)
    count, offset = math.prod(shape), head.tell()
    if dtype.hasobject or count * dtype.itemsize != len(body) - offset:
        raise ValueError("the body is cut short, too long, or has objects")
    flat = np.frombuffer(body, dtype=dtype, count=count, offset=offset) if count else np.empty(0, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def is_table(data_type: DataType) -> bool:
    """Say whether values of a type are tables: frames, series, and arrays of one or two dimensions."""
    if isinstance(data_type, NdarrayType):
        return len(data_type.shape) in (1, 2) and data_type.shape[0] is None and data_type.dtype != "object"
    return isinstance(data_type, DataFrameType | SeriesType)


def to_arrow(data_type: DataType, value: Any) -> pyarrow.Table:
    """Return a value as a table of Arrow; the columns of an array are numbered, a single one is called ``value``."""
    import pyarrow as pa

    if isinstance(data_type, DataFrameType):
        return pa.Table.from_pandas(value.rename(columns=str), preserve_index=False)
    if isinstance(data_type, SeriesType):
        return pa.table({str(data_type.name): pa.Array.from_pandas(value)})
    if value.ndim == 1:
        return pa.table({"value": value})
    return pa.table({str(column): value[:, column] for column in range(value.shape[1])})


def _read_arrow(data_type: DataType, body: bytes | bytearray) -> Any:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    if isinstance(data_type, NdarrayType):
        import numpy as np

        return np.column_stack([column.to_numpy() for column in table.columns])
    frame = table.replace_schema_metadata().to_pandas()
    if isinstance(data_type, SeriesType):
        if frame.shape[1] != 1:
            raise DataError("data", "one column", f"{frame.shape[1]} columns")
        return frame.iloc[:, 0].rename(data_type.name)
    names = {str(name): name for name in getattr(data_type, "columns", ())}
    return frame.rename(columns=names)
