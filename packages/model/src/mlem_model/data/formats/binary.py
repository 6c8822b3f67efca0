"""Binary formats, in which arrays, frames and series travel faster than as JSON.

Sources: the npy format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; Arrow's streaming
format, https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format (both read 2026-11).
"""

from __future__ import annotations

import functools
import importlib.util
import io
import math
from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.arrow.values import ReadArrow, load_arrow
from mlem_model.data.formats.frame_table import table_of
from mlem_model.data.formats.sparse_rows import to_table
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.arrays.images import MEDIA_TYPES, ImageType
from mlem_model.data.types.arrays.sparse import SparseType
from mlem_model.data.types.base import DataType
from mlem_model.data.types.containers.sequences import ListType
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.scalars import kind_of
from mlem_model.data.types.tables.columns import Categories, family_of
from mlem_model.data.types.tables.exact import frame_of_block
from mlem_model.data.types.tables.frames import DataFrameType
from mlem_model.data.types.tables.polars import PolarsType
from mlem_model.data.types.tables.series import SeriesType
from mlem_model.errors import DataError, UserError

if TYPE_CHECKING:
    import pyarrow

JSON = "application/json"
NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"
OCTETS = "application/octet-stream"
PNG = "image/png"
JPEG_LIKE = frozenset(MEDIA_TYPES) - {PNG}
"""Media types that are read but never written: some lose part of what they are given."""


_USUAL_HEAD_BYTES = 256
_IN_ARROW = frozenset({"int", "float", "bool", "str", "nullable", "datetime"})
"""Families of dtypes whose columns come back from Arrow unchanged."""


def formats_of(data_type: DataType) -> tuple[str, ...]:
    """Return the media types of the binary formats for values of a type, the best first.

    A format is listed only where every value comes back unchanged.
    """
    data_type = data_type.wire
    if isinstance(data_type, NdarrayType):
        plain = kind_of(data_type.dtype) in ("int", "float", "bool") and not data_type.masked
        table = plain and len(data_type.shape) == 2 and data_type.shape[0] is None and bool(data_type.shape[1])
        return (NPY,) * plain + (ARROW,) * (table and _has_arrow())
    if isinstance(data_type, DataFrameType):
        block = data_type.block_dtype is not None and bool(data_type.columns)
        return (NPY,) * block + (ARROW,) * (_has_arrow() and (block or _all_in_arrow(data_type)))
    if isinstance(data_type, SeriesType):
        fits = data_type.table is None and _fits_arrow(data_type.dtype, data_type.items, data_type.categories)
        return (ARROW,) if _has_arrow() and fits else ()
    if is_texts(data_type) or isinstance(data_type, PolarsType | SparseType):
        return (ARROW,) if _has_arrow() else ()
    if isinstance(data_type, PrimitiveType) and data_type.ptype == "bytes":
        return (OCTETS,)
    return (
        (PNG, *(media_type for media_type in MEDIA_TYPES if media_type != PNG))
        if isinstance(data_type, ImageType)
        else ()
    )


def _all_in_arrow(data_type: DataFrameType) -> bool:
    by_values = {dtype for dtype in set(data_type.dtypes) if family_of(dtype) in ("object", "category")}
    return all(_fits_arrow(dtype, None, None) for dtype in set(data_type.dtypes) - by_values) and all(
        _fits_arrow(dtype, data_type.items.get(name), data_type.categories.get(name))
        for name, dtype in zip(data_type.names, data_type.dtypes, strict=True)
        if dtype in by_values
    )


def _fits_arrow(dtype: str, items: DataType | None, categories: Categories | None) -> bool:
    family = family_of(dtype)
    if family == "category":
        return categories is not None and categories.dtype is None and len(set(map(type, categories.values))) == 1
    plain = items.dtype if isinstance(items, OptionalType) and items.missing == "None" else items
    texts = isinstance(plain, PrimitiveType) and plain.ptype in ("str", "bytes")
    return family in _IN_ARROW or (family == "object" and texts)


def dump(data_type: DataType, value: Any, media_type: str) -> bytes:
    """Write a value that `DataType.accept` returned, or that a method answered.

    Args:
        data_type: Its type; `formats_of` has the media type.
        value: The value.
        media_type: One of those; an image is written as a PNG, whatever is asked for.
    """
    value, data_type = data_type.to_wire(value), data_type.wire
    buffer = io.BytesIO()
    if media_type == NPY:
        return _write_npy(data_type.block_of(value) if isinstance(data_type, DataFrameType) else value)
    if isinstance(data_type, ImageType):
        return data_type.dump(value)
    if media_type == OCTETS:
        return bytes(value)
    import pyarrow as pa

    table = table_of(data_type, value) if isinstance(data_type, DataFrameType) else None
    table = to_arrow(data_type, value) if table is None else table
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def dump_checked(data_type: DataType, value: Any, media_type: str, path: str) -> bytes:
    """Write a value that nobody has checked; see `dump`.

    Raises:
        DataError: It does not fit.
    """
    if media_type == NPY and isinstance(data_type, DataFrameType):
        return _write_npy(data_type.block_of(value, path))
    return dump(data_type, data_type.accept(value, path), media_type)


def written_as(data_type: DataType, media_type: str) -> str:
    """Return the media type of what `dump` writes."""
    return PNG if isinstance(data_type.wire, ImageType) else media_type


def load(
    data_type: DataType, body: bytes | bytearray, media_type: str, path: str = "data", *, read: ReadArrow | None = None
) -> Any:
    """Read a value, and check it as `DataType.decode` does.

    Args:
        data_type: What it has to be.
        body: The whole body; an array is a view of it, which can be written to where the body is a bytearray.
        media_type: One of `formats_of`.
        path: Where it is, for messages.
        read: Reads a stream of Arrow data; None where the sender is trusted.

    Raises:
        UserError: The body is damaged or in another format, or it would become too large.
        DataError: The value does not fit.
    """
    if data_type.wire is not data_type:
        return data_type.from_wire(load(data_type.wire, body, media_type, path, read=read))
    if isinstance(data_type, ImageType):
        return data_type.load(bytes(body), path)
    if media_type == OCTETS:
        return bytes(body)
    try:
        if media_type != NPY:
            return load_arrow(data_type, body, path, read)
        value = read_npy(body)
        if isinstance(data_type, DataFrameType):
            value = frame_of_block(value, str(data_type.block_dtype), data_type.labels, path)
            if not data_type.axis_names:
                return value  # it is exact; before pandas 3, to look at it once more would copy it by columns
    except (DataError, UserError):
        raise
    except Exception as error:  # numpy and pyarrow raise what they like on damaged input
        raise UserError(
            f"the body is not of type {media_type}", code="bad-body", hint="send it whole, or as JSON"
        ) from error
    return data_type.accept(value, path)


@functools.cache  # looking for a package takes 10 us
def _has_arrow() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def _write_npy(value: Any) -> bytes:
    """Write an array with one copy of its data."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.hasobject:
        raise ValueError("an array of objects can only be written as a pickle")
    head = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(head, described)
    plain = array.T if described["fortran_order"] else np.ascontiguousarray(array)
    return b"".join((head.getvalue(), plain.reshape(-1).view(np.uint8).data if plain.size else b""))


def read_npy(body: bytes | bytearray) -> Any:
    """Read an array without a copy; its length is checked before anything is allocated.

    Raises:
        ValueError: It is cut short, too long, or has objects.
    """
    import numpy as np

    size = 10 + int.from_bytes(body[8:10], "little")
    is_usual = body[6:8] == b"\x01\x00" and size <= _USUAL_HEAD_BYTES
    shape, fortran, dtype, offset = _usual_npy_head(bytes(body[:size])) if is_usual else _npy_head(bytes(body[:65536]))
    count = math.prod(shape)
    if dtype.hasobject or count * dtype.itemsize != len(body) - offset:
        raise ValueError("the body is cut short, too long, or has objects")
    flat = np.frombuffer(body, dtype=dtype, count=count, offset=offset) if count else np.empty(0, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _npy_head(content: bytes) -> tuple[tuple[int, ...], bool, Any, int]:
    """Return the shape of an array, whether it lies by columns, its dtype, and where its numbers begin."""
    import numpy as np

    head = io.BytesIO(content)
    version = np.lib.format.read_magic(head)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return *read(head), head.tell()


_usual_npy_head = functools.lru_cache(maxsize=128)(_npy_head)
"""The same for a head by itself: it is parsed as Python, and those of calls are like one another."""


def is_plain_npy(body: bytes | bytearray) -> bool:
    """Say whether a body seems to be a float64 array, as most are: it is used without a copy, however large it is."""
    return b"'descr': '<f8'" in body[:128]


def is_table(data_type: DataType) -> bool:
    """Say whether values of a type are tables: frames, series, and arrays of one or two dimensions."""
    data_type = data_type.wire
    if isinstance(data_type, NdarrayType):
        return len(data_type.shape) in (1, 2) and data_type.shape[0] is None and data_type.dtype != "object"
    return isinstance(data_type, DataFrameType | SeriesType)


def is_texts(data_type: DataType) -> bool:
    """Say whether values of a type are lists of any number of texts: what models of language take."""
    data_type = data_type.wire
    if not isinstance(data_type, ListType) or not data_type.in_rows:
        return False
    return isinstance(data_type.dtype, PrimitiveType) and data_type.dtype.ptype == "str"


def to_arrow(data_type: DataType, value: Any) -> pyarrow.Table:
    """Return a value as a table of Arrow; the columns of an array are numbered, a single one is called ``value``."""
    import pyarrow as pa

    value, data_type = data_type.to_wire(value), data_type.wire
    if isinstance(data_type, DataFrameType):
        return pa.Table.from_pandas(_flattened(data_type, value), preserve_index=False)
    if isinstance(data_type, SeriesType):
        return pa.table({str(data_type.name): pa.Array.from_pandas(value)})
    if isinstance(data_type, SparseType):
        return to_table(data_type, value)
    if isinstance(data_type, PolarsType):
        return _of_polars(data_type.accept(value))
    if isinstance(data_type, ListType):
        return pa.table({"value": pa.array(data_type.encode(value), pa.large_string())})
    if value.ndim == 1:
        return pa.table({"value": value})
    return pa.table({str(column): value[:, column] for column in range(value.shape[1])})


def _of_polars(value: Any) -> pyarrow.Table:
    import polars as pl

    frame = value if isinstance(value, pl.DataFrame) else value.to_frame()
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())  # with types that every reader of Arrow knows


def _flattened(data_type: DataFrameType, value: Any) -> Any:
    """Return a frame whose columns have their names on the wire, those of the index among them."""
    import pandas as pd

    if not data_type.index_cols:
        frame = value.copy(deep=False)
        frame.columns = [str(label) for label in value.columns]
        return frame
    return pd.DataFrame(data_type.flatten(value))
