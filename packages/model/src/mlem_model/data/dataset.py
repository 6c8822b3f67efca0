"""Data in files: read for a method's argument, written from its answer, or saved as an object with its type."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from pydantic import ConfigDict

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.requirements import resolve
from mlem_model.artifacts.transfer import use_current, verified, write_artifact
from mlem_model.data.csv.layout import Named, layout_of
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.formats.files import FORMATS, STDIN, checked_format, format_of, opened, sniff
from mlem_model.data.formats.raw import is_raw, load_raw
from mlem_model.data.formats.reading import csv_reader, decode, fit, parse_data
from mlem_model.data.formats.writing import has_arrow, serialize_data, write_data
from mlem_model.data.types.any import AnyDataType, DataFrameType, DataType, NdarrayType, difference, infer
from mlem_model.errors import DeclarationError, UserError
from mlem_model.objects.fetched_later import LONGEST_POINTER_BYTES, expect_fetched
from mlem_model.objects.files import unusable, write_atomic
from mlem_model.objects.object import EXTENSION, MlemObject
from mlem_model.objects.yaml_file import dump, read_mapping

__all__ = [
    "FORMATS",
    "STDIN",
    "Dataset",
    "load_data",
    "parse_data",
    "read_data",
    "save_data",
    "serialize_data",
    "write_data",
]


class Dataset(MlemObject):
    """The metadata of saved data.

    Attributes:
        data_type: What it is.
        artifacts: Its file, ``data``.
        requirements: The packages that reading it needs.
    """

    model_config = ConfigDict(defer_build=True)
    object_type: ClassVar[str] = "data"

    data_type: AnyDataType
    artifacts: dict[str, Artifact]
    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """See `MlemObject.from_data`; metadata that MLEM 0.4 wrote is translated."""
        if "reader" in data:
            from mlem_model.legacy.model import translate_data

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
        UserError: It would come back changed from the format that its name asks for.
    """
    target = Path(str(path).removesuffix(EXTENSION))
    data_type = infer(value)
    suffix = target.suffix.removeprefix(".")
    content, kind = _content_of(
        value, data_type, (suffix,) if suffix in ("csv", "json", "parquet", "npy") else _formats_for(data_type)
    )
    artifact, _ = write_artifact(target, lambda file: file.write(content), kind)
    needed = data_type.requirements() | ({"pyarrow"} if kind == "parquet" else set())
    dataset = Dataset(data_type=data_type, artifacts={"data": artifact}, requirements=resolve(needed))
    write_atomic(target.with_name(target.name + EXTENSION), dump(dataset.to_data()))
    return dataset


def _content_of(value: Any, data_type: DataType, kinds: Sequence[str]) -> tuple[bytes, str]:
    """Write a value in the first format that gives it back unchanged."""
    wrong: UserError | None = None
    for kind in kinds:
        try:
            content = serialize_data(value, data_type, kind)
            back = parse_data(content, kind, "data", data_type, form=_own_form(data_type, kind))
        except UserError as error:
            wrong = wrong or error
            continue
        found = difference(value, back)
        if found is None:
            return content, kind
        hint = "save it under a name without a suffix" if kind != "json" else None
        wrong = wrong or UserError(
            f"written as {kind} it would come back changed: {found}", code="lossy-format", hint=hint
        )
    raise wrong or AssertionError("there is a format for every type")


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
        artifact = dataset.artifact
        form = (
            CsvForm() if artifact.sha256 is None else _own_form(dataset.data_type, artifact.format)
        )  # those of MLEM 0.4 are pandas'
        return parse_data(file.read(), artifact.format, artifact.uri, dataset.data_type, form=form)


def _own_form(data_type: DataType, kind: str) -> CsvForm:
    """Return how `write_csv` writes a table of a type."""
    if kind != "csv":
        return CsvForm()
    layout = layout_of(data_type)
    return CsvForm(header=True, empty="text" if isinstance(layout, Named) and len(layout.columns) > 1 else None)


def read_data(
    path: Path | str,
    data_type: DataType | None = None,
    *,
    format: str | None = None,
    stdin: IO[bytes] | None = None,
    form: CsvForm = CsvForm(),
    argument: str = "data",
) -> Any:
    """Read the value of a method's argument.

    Args:
        path: A file, the name of saved data (with or without ``.mlem``), or ``-`` for standard input. A gzip file is
            decompressed.
        data_type: What the argument takes; None for the kind of value that the format suggests. For bytes and images,
            the content of the file is the value.
        format: One of `FORMATS`; None to find it from the suffix, or from the content.
        stdin: Where ``-`` reads from.
        form: What the caller says about a table in CSV; its encoding holds for all text.
        argument: The name of the argument, for messages.

    Raises:
        NotFoundError: There is no such file.
        UserError: It is empty, of an unknown format, or can't be parsed.
        DataError: A value does not fit the argument's type.
    """
    kind = checked_format(format) if format else None
    name, is_stdin, raw = str(path), str(path) == STDIN, is_raw(data_type)
    source = "standard input" if is_stdin else name
    if kind is None and not is_stdin:
        file = Path(path)
        saved = file if file.suffix == EXTENSION else file.with_name(file.name + EXTENSION)
        if saved.is_file():
            _, value = use_current(
                lambda: Dataset.from_data(_data_object(saved), str(saved)),
                lambda dataset: load_data(dataset, saved.parent),
            )
            return value if data_type is None else fit(value, data_type, argument)
        if not raw:
            kind, _ = format_of(name)
    if raw and kind is None:
        content = (stdin or sys.stdin.buffer).read() if is_stdin else _content(Path(path))
        return load_raw(data_type, content, source, argument)
    with opened(name, stdin) as stream:
        if kind in ("csv", "tsv"):
            return decode(
                csv_reader(kind, source, data_type, form, argument).read(stream), data_type, argument, table=True
            )
        content = stream.read()
    return parse_data(content, kind or sniff(content, data_type), source, data_type, form=form, argument=argument)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unusable(path, error, "read") from error
    expect_fetched(content[:LONGEST_POINTER_BYTES], str(path))
    return content


def _data_object(path: Path) -> Mapping[str, Any]:
    data = read_mapping(path)
    if data.get("object_type") != Dataset.object_type:
        raise UserError(f"{path} is not saved data: its object_type is {data.get('object_type')}", code="wrong-object")
    return data


def _formats_for(data_type: DataType) -> tuple[str, ...]:
    """Return the formats to save a value in, the best first."""
    data_type = data_type.wire
    if isinstance(data_type, NdarrayType) and data_type.dtype != "object":
        return ("npy", "json")
    return ("parquet", "json") if isinstance(data_type, DataFrameType) and has_arrow() else ("json",)
