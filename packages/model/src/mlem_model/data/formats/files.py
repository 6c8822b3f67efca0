"""Files of data: which format one is of, by its name or its first bytes, and its content without compression."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mlem_model.data.csv.layout import Plain, layout_of
from mlem_model.data.csv.text import open_text
from mlem_model.data.types.any import DataType, PrimitiveType
from mlem_model.errors import UserError
from mlem_model.objects.fetched_later import LONGEST_POINTER_BYTES, expect_fetched
from mlem_model.objects.files import unusable

FORMATS = ("csv", "tsv", "txt", "json", "jsonl", "npy", "npz", "parquet", "arrow")
STDIN = "-"
_SAME = {"ndjson": "jsonl", "jsonlines": "jsonl", "feather": "arrow", "pq": "parquet"}
_FOREIGN = {
    "xlsx": "an Excel workbook", "xls": "an Excel workbook", "xlsm": "an Excel workbook", "ods": "a workbook",
    "zip": "a zip archive", "bz2": "compressed by bzip2", "xz": "compressed by xz", "zst": "compressed by zstd",
    "pkl": "a pickle", "pickle": "a pickle",
}  # fmt: skip
_GZIP = b"\x1f\x8b"
_MAGIC = (
    (b"\x93NUMPY", "npy"),
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "npz"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
)
"""Sources: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
https://parquet.apache.org/docs/file-format/, https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format, its
section on streams for the mark of a message (read 2026-11)."""


def format_of(name: str, *, written: bool = False) -> tuple[str | None, bool]:
    """Tell a file's format by its name.

    Args:
        name: The name, or the path.
        written: Whether the file is to be written.

    Returns:
        One of `FORMATS`, None where the name does not say; and whether the content is compressed by gzip.

    Raises:
        UserError: The name is that of a format that can't be read, or can't be written.
    """
    suffixes = [suffix.removeprefix(".").lower() for suffix in Path(name).suffixes]
    compressed = suffixes[-1:] == ["gz"]
    last = (suffixes[:-1] if compressed else suffixes)[-1:]
    word = last[0] if last else ""
    if word in _FOREIGN:
        verb = "written" if written else "read"
        raise UserError(
            f"{name} is {_FOREIGN[word]}, which can't be {verb}",
            code="bad-format",
            known=FORMATS,
            hint="save it as CSV",
        )
    word = _SAME.get(word, word)
    return (word if word in FORMATS else None), compressed


def checked_format(word: str) -> str:
    """Return a format that a caller names, in its own spelling.

    Raises:
        UserError: There is no such format.
    """
    found = _SAME.get(word.lower(), word.lower())
    if found not in FORMATS:
        raise UserError(f'unknown format "{word}"', code="bad-format", known=FORMATS)
    return found


@contextmanager
def opened(path: str, stdin: IO[bytes] | None = None) -> Iterator[IO[bytes]]:
    """Open a file, or standard input for ``-``; a gzip file is decompressed.

    Raises:
        NotFoundError: There is no such file.
        UserError: It can't be read.
    """
    source = "standard input" if path == STDIN else path
    try:
        with _opened(path, stdin) as raw:
            head = raw.read(2) if path == STDIN else raw.peek(LONGEST_POINTER_BYTES)  # type: ignore[attr-defined]  # buffered
            expect_fetched(head, source)
            stream: IO[bytes] = raw if path != STDIN else _Joined(head, raw)  # type: ignore[assignment]  # only read
            yield gzip.GzipFile(fileobj=stream) if head[:2] == _GZIP else stream  # type: ignore[misc]  # a file of bytes
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"{source}: the compressed content is damaged or cut short: {error}", code="bad-format"
        ) from error
    except OSError as error:
        raise unusable(Path(path), error, "read") from error


@contextmanager
def _opened(path: str, stdin: IO[bytes] | None) -> Iterator[IO[bytes]]:
    if path == STDIN:
        yield stdin or sys.stdin.buffer
        return
    with Path(path).open("rb") as file:
        yield file


class _Joined(io.RawIOBase):
    """A stream whose first bytes have already been read."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size is None or size < 0:
            head, self._head = self._head, b""
            return head + self._stream.read()
        head, self._head = self._head[:size], self._head[size:]
        return head or self._stream.read(size)

    def readall(self) -> bytes:
        return self.read()


def sniff(content: bytes, data_type: DataType | None) -> str:
    """Recognise a format by its content.

    Args:
        content: The whole of it.
        data_type: The type that it is to become: a single number is JSON for a number, and one row for a list of them.
    """
    found = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if found is not None:
        return found
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        lines = [line for line in text.split(b"\n") if line.strip()]
        return "jsonl" if len(lines) > 1 and all(_is_json(line) for line in lines[:2]) else "json"
    return "json" if not _has_rows(data_type) and _is_json(text) else "csv"


def _has_rows(data_type: DataType | None) -> bool:
    if data_type is None:
        return False
    try:
        layout = layout_of(data_type)
    except UserError:
        return False
    return not layout.single and not layout.untyped


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_lines(data_type: DataType | None) -> bool:
    """Say whether lines of text are values of a type: a list of texts, a series of them, one text."""
    try:
        layout = layout_of(data_type)
    except UserError:
        return False
    return isinstance(layout, Plain) and layout.flat and layout.at(0).text and not layout.untyped


def read_lines(content: bytes, encoding: str | None, source: str, data_type: DataType | None) -> str | list[str]:
    """Read a file of text: one text, or one text a line.

    Raises:
        UserError: It is in another encoding.
    """
    lines = open_text(io.BytesIO(content), encoding, source)
    if isinstance(data_type, PrimitiveType):
        return "".join(lines)
    return [line.rstrip("\r\n") for line in lines]


def read_text(content: bytes, encoding: str | None, source: str) -> str:
    """Decode a file of text.

    Raises:
        UserError: It is in another encoding.
    """
    return "".join(open_text(io.BytesIO(content), encoding, source))
