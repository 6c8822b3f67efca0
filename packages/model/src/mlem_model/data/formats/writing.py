"""Values written to files, in the format of the file's name."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

from mlem_model.data.csv.table import write_csv
from mlem_model.data.formats.binary import is_table, is_texts, to_arrow
from mlem_model.data.formats.files import checked_format, format_of, is_lines
from mlem_model.data.formats.raw import dump_raw, is_raw
from mlem_model.data.types.any import DataFrameType, DataType, Json, NdarrayType, PrimitiveType, SeriesType, infer
from mlem_model.data.types.tables.series import VALUE
from mlem_model.errors import UserError
from mlem_model.objects.files import write_atomic


def write_data(value: Any, path: Path | str, *, format: str | None = None) -> None:
    """Write an answer to a file, in the format of its name.

    Args:
        value: Anything that a data type describes.
        path: The file; ``.gz`` at its end compresses it.
        format: One of `FORMATS`; None to find it from the name: JSON for a name that says nothing; bytes and images are
            written as they are.

    Raises:
        UserError: The format can't hold the value.
    """
    data_type = infer(value)
    value, data_type = data_type.to_wire(value), data_type.wire
    found, compressed = format_of(str(path), written=True)
    if format is None and is_raw(data_type) and found not in ("json", "jsonl"):
        content = dump_raw(data_type, value, str(path))
    else:
        content = serialize_data(value, data_type, format or found or "json")
    write_atomic(Path(path), gzip.compress(content, mtime=0) if compressed else content)


def serialize_data(value: Any, data_type: DataType, kind: str) -> bytes:
    """Return the content of a file.

    Args:
        value: A value of the type.
        data_type: What it is.
        kind: One of `FORMATS`.

    Raises:
        UserError: The format can't hold the value.
    """
    kind = checked_format(kind)
    value, data_type = data_type.to_wire(value), data_type.wire
    if kind == "npy" and isinstance(data_type, NdarrayType):
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return buffer.getvalue()
    columns = is_table(data_type) or (kind == "arrow" and is_texts(data_type))
    if kind in ("parquet", "arrow") and columns and has_arrow():
        try:
            return _parquet(value, data_type) if kind == "parquet" else _arrow(value, data_type)
        except (ValueError, TypeError, NotImplementedError, OverflowError) as error:  # pyarrow's errors are of these
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"this can't be written as {kind}: {reason}", code="bad-format", hint="write json: -o answer.json"
            ) from error
    payload = data_type.encode(value)
    if kind == "txt":
        return _text(payload, data_type)
    if kind == "json":
        return json_of(payload)
    if kind == "jsonl":
        return b"".join(map(json_of, _rows(payload)))
    if kind in ("csv", "tsv"):
        return write_csv(_rows(payload), names_of(data_type), "," if kind == "csv" else "\t")
    known = ("csv", "json", "jsonl", "npy", "parquet")
    raise UserError(f"a value of type {data_type.type} can't be written as {kind}", code="bad-format", known=known)


def has_arrow() -> bool:
    """Say whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def names_of(data_type: DataType) -> list[str] | None:
    """Return the names of the columns of a table of a type; None where it has none of its own."""
    table = data_type.table if isinstance(data_type, SeriesType) else data_type
    if isinstance(table, DataFrameType):
        return table.names
    return [str(data_type.name)] if isinstance(data_type, SeriesType) and data_type.name is not None else None


def json_of(payload: Json) -> bytes:
    """Write JSON in one line."""
    return (json.dumps(payload, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parquet(value: Any, data_type: DataType) -> bytes:
    buffer = io.BytesIO()
    if isinstance(data_type, SeriesType) and data_type.table is not None:
        value.to_frame(VALUE if data_type.name is None else data_type.name).to_parquet(buffer)
    elif isinstance(data_type, DataFrameType):
        value.to_parquet(buffer, index=bool(data_type.index_cols))
    else:
        import pyarrow.parquet as pq

        pq.write_table(to_arrow(data_type, value), buffer)
    return buffer.getvalue()


def _arrow(value: Any, data_type: DataType) -> bytes:
    import pyarrow as pa

    buffer = io.BytesIO()
    table = to_arrow(data_type, value)
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def _text(payload: Json, data_type: DataType) -> bytes:
    """Write one text as it is, several one a line, and anything else as JSON."""
    if isinstance(payload, str) and isinstance(data_type, PrimitiveType):
        return payload.encode()
    lines = payload if isinstance(payload, list) and is_lines(data_type) else None
    if lines is None or not all(isinstance(line, str) for line in lines):
        return json_of(payload)
    if any("\n" in line or "\r" in line for line in lines):
        raise UserError(
            "a text with a line end can't be written as a line", code="bad-format", hint="write json: -o answer.json"
        )
    return "".join(line + "\n" for line in lines).encode()


def _rows(payload: Json) -> list[Json]:
    return payload if isinstance(payload, list) else [payload]
