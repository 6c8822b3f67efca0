"""The content of a file of data, read for a type: text, tables and arrays of every format."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from mlem_model.data.csv.layout import Named, Plain, layout_of
from mlem_model.data.csv.table import CsvReader
from mlem_model.data.csv.text import CsvForm, open_text
from mlem_model.data.formats.files import checked_format, is_lines, read_lines, read_text, sniff
from mlem_model.data.types.any import DataFrameType, DataType, Json, UnspecifiedType
from mlem_model.errors import DataError, UserError


def parse_data(
    content: bytes,
    kind: str,
    source: str,
    data_type: DataType | None,
    *,
    form: CsvForm = CsvForm(),
    argument: str = "data",
) -> Any:
    """Return the value that a file's content has.

    Args:
        content: The whole of it.
        kind: One of `FORMATS`.
        source: Its name, for messages.
        data_type: What it should be; None for what the format suggests.
        form: What is said of a table in CSV; its encoding counts for every text.
        argument: Where the value goes, for messages.

    Raises:
        UserError: It is empty, of an unknown format, or can't be parsed.
        DataError: A value does not fit the type.
    """
    if not content.strip():
        raise UserError(f"{source} is empty", code="empty-data")
    kind = checked_format(kind)
    try:
        if kind in _BINARY:
            value = _BINARY[kind](content, source)
        else:
            payload = _read_text(content, kind, source, data_type, form, argument)
            return decode(payload, data_type, argument, table=kind in ("csv", "tsv"))
    except (DataError, UserError):
        raise
    except ImportError as error:
        raise UserError(
            f"{source}: reading {kind} needs a package that is not installed: {error}", code="not-installed"
        ) from error
    except RecursionError as error:
        raise UserError(f"{source}: too deeply nested", code="bad-format") from error
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{source}: not valid {kind}: {' '.join(str(error).split())}", code="bad-format") from error
    return value if data_type is None else fit(value, data_type, argument)


def fit(value: Any, data_type: DataType, argument: str = "data") -> Any:
    """Turn what a file of arrays or columns has into a value of a type.

    Raises:
        DataError: It does not fit.
    """
    if type(value).__name__ == "DataFrame" and not isinstance(data_type, DataFrameType | UnspecifiedType):
        layout = layout_of(data_type, argument)
        if isinstance(layout, Plain) and layout.flat:
            names = [name for name in value.columns if str(name) == layout.name]
            if len(value.columns) != 1 and not names:
                raise DataError(
                    argument, "one column", f"{len(value.columns)} columns: {', '.join(map(str, value.columns))}"
                )
            value = value[names[0]] if names else value.iloc[:, 0]
        elif isinstance(layout, Named):
            return data_type.decode(UnspecifiedType().encode(value, argument), argument)
    return data_type.accept(value, argument)


def decode(payload: Json, data_type: DataType | None, argument: str = "data", *, table: bool) -> Any:
    """Turn what a file of text has into a value.

    Args:
        payload: What it has, as JSON.
        data_type: The value's type; None for a frame where it is a table, and JSON otherwise.
        argument: Where the value goes, for messages.
        table: Whether it is one.

    Raises:
        DataError: It does not fit.
    """
    if data_type is not None:
        return data_type.decode(payload, argument)
    if table and importlib.util.find_spec("pandas") is not None:
        import pandas as pd

        return pd.DataFrame(payload)
    return payload


def _read_npy(content: bytes, _source: str) -> Any:
    import numpy as np

    return np.load(io.BytesIO(content), allow_pickle=False)


def _read_npz(content: bytes, source: str) -> Any:
    import numpy as np

    loaded = np.load(io.BytesIO(content), allow_pickle=False)
    if len(loaded.files) != 1:
        raise UserError(
            f"{source}: expected one array, got {len(loaded.files)}: {', '.join(loaded.files)}", code="bad-format"
        )
    return loaded[loaded.files[0]]


def _read_parquet(content: bytes, _source: str) -> Any:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content))


def _read_arrow(content: bytes, _source: str) -> Any:
    import pyarrow as pa

    opener = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
    with opener(pa.py_buffer(content)) as reader:
        return reader.read_all().to_pandas()


_BINARY: Mapping[str, Callable[[bytes, str], Any]] = {
    "npy": _read_npy, "npz": _read_npz, "parquet": _read_parquet, "arrow": _read_arrow,
}  # fmt: skip


def _read_text(
    content: bytes, kind: str, source: str, data_type: DataType | None, form: CsvForm, argument: str
) -> Json:
    if kind == "txt" and is_lines(data_type):
        return read_lines(content, form.encoding, source, data_type)
    if kind == "txt":
        kind = sniff(content, data_type)
    if kind == "json":
        return json.loads(read_text(content, form.encoding, source))
    if kind == "jsonl":
        return list(json_lines(io.BytesIO(content), form.encoding, source))
    return csv_reader(kind, source, data_type, form, argument).read(io.BytesIO(content))


def csv_reader(kind: str, source: str, data_type: DataType | None, form: CsvForm, argument: str) -> CsvReader:
    """Return the reader of a table whose format is ``csv`` or ``tsv``."""
    return CsvReader(
        data_type, form.but(separator="\t") if kind == "tsv" and form.separator is None else form, source, argument
    )


def json_lines(stream: IO[bytes], encoding: str | None, source: str) -> Iterator[Json]:
    """Yield the values of a file of JSON lines.

    Raises:
        UserError: A line is not JSON.
    """
    for number, line in enumerate(open_text(stream, encoding, source), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError as error:
            raise UserError(f"{source}: not valid jsonl: line {number}: {error}", code="bad-format") from error
        except RecursionError as error:
            raise UserError(f"{source}: line {number}: too deeply nested", code="bad-format") from error
