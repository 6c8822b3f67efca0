"""Data in files: read for a method's argument, written from its answer, and saved as objects with their type."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from mlem.artifacts import verified, write_artifact
from mlem.data import AnyDataType, DataFrameType, DataType, Json, NdarrayType, infer
from mlem.errors import DataError, DeclarationError, UserError
from mlem.files import unusable, write_atomic
from mlem.model import Artifact, Requirement
from mlem.objects import EXTENSION, MlemObject
from mlem.requirements import resolve
from mlem.yaml_file import dump, read_mapping

FORMATS = ("csv", "json", "jsonl", "npy", "npz", "parquet")
STDIN = "-"


class Dataset(MlemObject):
    """The metadata of saved data.

    Attributes:
        data_type: What it is.
        artifacts: Its file, ``data``.
        requirements: The packages that reading it needs.
    """

    object_type: ClassVar[str] = "data"

    data_type: AnyDataType
    artifacts: dict[str, Artifact]
    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """See `MlemObject.from_data`; metadata that MLEM 0.4 wrote is translated."""
        if "reader" in data:
            from mlem.model04 import translate_data

            data = translate_data(data, source, prefix)
        return super().from_data(data, source, prefix=prefix)

    @property
    def artifact(self) -> Artifact:
        """The file with the values."""
        return self.artifacts["data"]


def save_data(value: Any, path: Path | str) -> Dataset:
    """Save data with its type: values at ``<path>``, the type at ``<path>.mlem``.

    Args:
        value: Anything that a data type describes.
        path: Where to, with or without the extension ``.mlem``.

    Raises:
        DataError: No data type describes it.
    """
    target = Path(str(path).removesuffix(EXTENSION))
    data_type = infer(value)
    suffix = target.suffix.removeprefix(".")
    kind = suffix if suffix in ("csv", "json", "parquet", "npy") else _best_format(data_type)
    content = serialize_data(value, data_type, kind)
    artifact, _ = write_artifact(target, lambda file: file.write(content), kind)
    needed = data_type.requirements() | ({"pyarrow"} if kind == "parquet" else set())
    dataset = Dataset(data_type=data_type, artifacts={"data": artifact}, requirements=resolve(needed))
    write_atomic(target.with_name(target.name + EXTENSION), dump(dataset.to_data()))
    return dataset


def load_data(dataset: Dataset, folder: Path | str) -> Any:
    """Load saved data.

    Args:
        dataset: The metadata.
        folder: The folder, or the fsspec URL, that has its file.

    Raises:
        ConflictError: The file is not what was saved.
        NotFoundError: It is not there.
        DataError: A value is not of the type that the metadata has.
    """
    if "data" not in dataset.artifacts:
        raise DeclarationError('expected one artifact, "data"')
    with verified(dataset.artifact, folder) as file:
        return parse_data(file.read(), dataset.artifact.format, dataset.artifact.uri, dataset.data_type)


def read_data(path: Path | str, data_type: DataType | None = None, *, format: str | None = None, stdin: IO[bytes] | None = None) -> Any:
    """Read the value of a method's argument.

    Args:
        path: A file, the name of saved data (with or without ``.mlem``), or ``-`` for standard input.
        data_type: What the argument takes; None for the kind of value that the format suggests.
        format: One of `FORMATS`; found from the suffix, or from the content, when None.
        stdin: Where ``-`` reads from.

    Raises:
        NotFoundError: There is no such file.
        UserError: It is empty, of an unknown format, or can't be parsed.
        DataError: A value does not fit the argument's type.
    """
    if str(path) == STDIN:
        content = (stdin or sys.stdin.buffer).read()
        return parse_data(content, format or _sniff(content), "standard input", data_type)
    file = Path(path)
    saved = file if file.suffix == EXTENSION else file.with_name(file.name + EXTENSION)
    if saved.is_file() and format is None:
        dataset = Dataset.from_data(_data_object(saved), str(saved))
        value = load_data(dataset, saved.parent)
        return value if data_type is None else _fit(value, data_type)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unusable(file, error, "read") from error
    suffix = file.suffix.removeprefix(".").lower()
    return parse_data(
        content,
        format or ({"ndjson": "jsonl"}.get(suffix, suffix) if suffix in (*FORMATS, "ndjson") else _sniff(content)),
        str(file),
        data_type,
    )


def write_data(value: Any, path: Path | str, *, format: str | None = None) -> None:
    """Write an answer to a file, in the format of its suffix.

    Args:
        value: Anything that a data type describes.
        path: The file.
        format: ``csv``, ``json``, ``jsonl``, ``npy``, ``parquet``; found from the suffix when None, JSON for one that is unknown.

    Raises:
        UserError: The format can't hold the value.
    """
    file = Path(path)
    suffix = file.suffix.removeprefix(".").lower()
    write_atomic(file, serialize_data(value, infer(value), format or (suffix if suffix in FORMATS else "json")))


def _data_object(path: Path) -> Mapping[str, Any]:
    data = read_mapping(path)
    if data.get("object_type") != Dataset.object_type:
        raise UserError(f"{path} is no data: its object_type is {data.get('object_type')}", code="wrong-object")
    return data


def _best_format(data_type: DataType) -> str:
    if isinstance(data_type, NdarrayType) and data_type.dtype != "object":
        return "npy"
    # A named index comes back from JSON with its columns; parquet would need the names beside them.
    return "parquet" if isinstance(data_type, DataFrameType) and _has("pyarrow") and not data_type.index_cols else "json"


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def serialize_data(value: Any, data_type: DataType, kind: str) -> bytes:
    """Return the content of a file.

    Args:
        value: A value of the type.
        data_type: What it is.
        kind: One of `FORMATS`.

    Raises:
        UserError: The format can't hold the value.
    """
    buffer = io.BytesIO()
    if kind == "npy" and isinstance(data_type, NdarrayType):
        import numpy as np

        np.save(buffer, value, allow_pickle=False)
        return buffer.getvalue()
    if kind == "parquet" and isinstance(data_type, DataFrameType):
        value.to_parquet(buffer, index=bool(data_type.index_cols))
        return buffer.getvalue()
    payload = data_type.encode(value)
    if kind == "json":
        return (json.dumps(payload, ensure_ascii=False, allow_nan=False) + "\n").encode()
    if kind == "jsonl":
        return b"".join((json.dumps(item, ensure_ascii=False, allow_nan=False) + "\n").encode() for item in _rows(payload))
    if kind == "csv":
        return _to_csv(_rows(payload))
    raise UserError(
        f"a value of type {data_type.type} can't be written as {kind}", code="bad-format", known=("csv", "json", "jsonl", "npy", "parquet")
    )


def _rows(payload: Json) -> list[Json]:
    return payload if isinstance(payload, list) else [payload]


def _to_csv(rows: list[Json]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    first = rows[0] if rows else None
    if isinstance(first, dict):
        writer.writerow(first)
        writer.writerows([_cell(item) for item in row.values()] for row in rows)
    elif isinstance(first, list):
        writer.writerow(range(len(first)))
        writer.writerows([_cell(item) for item in row] for row in rows)
    else:
        writer.writerow(["value"])
        writer.writerows([_cell(item)] for item in rows)
    return text.getvalue().encode()


def _cell(item: Json) -> Any:
    if isinstance(item, list | dict):
        raise UserError("a nested value can't be written as csv", code="bad-format", hint="write json: -o answer.json")
    return item


def _sniff(content: bytes) -> str:
    """Recognise a format by its first bytes.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html and
    https://parquet.apache.org/docs/file-format/, for the magic numbers.
    """
    if content.startswith(b"\x93NUMPY"):
        return "npy"
    if content.startswith(b"PAR1"):
        return "parquet"
    if content.startswith(b"PK\x03\x04"):
        return "npz"
    text = content.lstrip()
    if text[:1] in (b"{", b"["):
        lines = [line for line in text.splitlines() if line.strip()]
        return "jsonl" if len(lines) > 1 and all(_is_json(line) for line in lines[:2]) else "json"
    return "json" if _is_json(text) else "csv"


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def parse_data(content: bytes, kind: str, source: str, data_type: DataType | None) -> Any:
    """Return the value that a file's content has.

    Args:
        content: The whole of it.
        kind: One of `FORMATS`.
        source: Its name, for messages.
        data_type: What it should be; None for what the format suggests.

    Raises:
        UserError: It is empty, of an unknown format, or can't be parsed.
        DataError: A value does not fit the type.
    """
    if not content.strip():
        raise UserError(f"{source} is empty", code="empty-data")
    if kind not in FORMATS:
        raise UserError(f'unknown format "{kind}"', code="bad-format", known=FORMATS)
    try:
        if kind in ("npy", "npz"):
            value = _read_numpy(content, kind, source)
        elif kind == "parquet":
            import pandas as pd

            value = pd.read_parquet(io.BytesIO(content))
        else:
            return _decode(_read_text(content, kind, data_type), data_type, kind)
    except (DataError, UserError):
        raise
    except ImportError as error:
        raise UserError(f"{source}: reading {kind} needs a package that is not installed: {error}", code="not-installed") from error
    except RecursionError as error:
        raise UserError(f"{source}: too deeply nested", code="bad-format") from error
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{source}: not valid {kind}: {' '.join(str(error).split())}", code="bad-format") from error
    return value if data_type is None else _fit(value, data_type)


def _fit(value: Any, data_type: DataType) -> Any:
    return data_type.decode(data_type.encode(value))


def _decode(payload: Json, data_type: DataType | None, kind: str) -> Any:
    if data_type is not None:
        return data_type.decode(payload)
    if kind == "csv" and _has("pandas"):
        import pandas as pd

        return pd.DataFrame(payload)
    return payload


def _read_numpy(content: bytes, kind: str, source: str) -> Any:
    import numpy as np

    loaded = np.load(io.BytesIO(content), allow_pickle=False)
    if kind == "npy":
        return loaded
    if len(loaded.files) != 1:
        raise UserError(f"{source}: expected one array, got {len(loaded.files)}: {', '.join(loaded.files)}", code="bad-format")
    return loaded[loaded.files[0]]


def _read_text(content: bytes, kind: str, data_type: DataType | None) -> Json:
    text = content.decode("utf-8-sig")  # spreadsheets put a byte order mark before csv
    if kind == "json":
        return json.loads(text)
    if kind == "jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return _read_csv(text, data_type)


def _read_csv(text: str, data_type: DataType | None) -> Json:
    rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    if not rows:
        raise ValueError("no rows")
    strings = _string_columns(data_type)
    if not isinstance(data_type, DataFrameType) and data_type is not None and all(_is_number(cell) for cell in rows[0]):
        header: list[str] = []
    else:
        header, rows = rows[0], rows[1:]
    width = len(header or rows[0])
    wrong = next((number for number, row in enumerate(rows, 2 if header else 1) if len(row) != width), None)
    if wrong is not None:
        raise ValueError(f"row {wrong} has not {width} cells")
    if isinstance(data_type, DataFrameType) or data_type is None:
        return [{name: cell if name in strings and cell else _value(cell) for name, cell in zip(header, row, strict=True)} for row in rows]
    values = [[_value(cell) for cell in row] for row in rows]
    flat = width == 1 and not (isinstance(data_type, NdarrayType) and len(data_type.shape) > 1)
    return [row[0] for row in values] if flat else values


def _string_columns(data_type: DataType | None) -> set[str]:
    """Columns whose cells stay as they are written: ``007`` is no seven there."""
    if not isinstance(data_type, DataFrameType):
        return set()
    exact = {str(name) for name, dtype in zip(data_type.columns, data_type.dtypes, strict=True) if dtype.startswith(("str", "datetime"))}
    return exact | {name for name, found in data_type.categories.items() if all(isinstance(value, str) for value in found.values)}


def _is_number(cell: str) -> bool:
    return isinstance(_value(cell), int | float)


def _value(cell: str) -> Json:
    """Read a cell: empty is null; true and false are booleans; what Python reads as a number is one."""
    if not cell:
        return None
    if cell in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return cell[0] in "tT"
    for number in (int, float):
        try:
            return number(cell)
        except ValueError:
            continue
    return cell
