"""How CSV is written: its encoding, its line ends, its separator and its quotes; from bytes to rows of cells.

The grammar is that of RFC 4180: a cell that has the separator, a quote or a line end is in double quotes, and a quote
in it is doubled. What does not follow it is refused with its line number; nothing is repaired, because a repair may
move text into another row or column.

Source: https://www.rfc-editor.org/rfc/rfc4180.html, section 2 (read 2026-11).
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import IO, Any, Literal, NamedTuple, Self

from mlem_model.errors import UserError
from mlem_model.objects.validation import did_you_mean

COMMA = ","
SEPARATORS = (COMMA, ";", "\t", "|")
_WORDS = {"comma": COMMA, "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_NO_TEXT = (
    (b"PK\x03\x04", "a zip archive, such as an Excel workbook"), (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed by gzip"), (b"BZh", "compressed by bzip2"), (b"\xfd7zX", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"), (b"PAR1", "a Parquet file"), (b"\x93NUM", "a numpy array"),
    (b"ARRO", "an Arrow file"),
)  # fmt: skip
_NO_FILES = frozenset(
    {
        "idna",
        "punycode",
        "unicode_escape",
        "raw-unicode-escape",
        "raw_unicode_escape",
        "unicode-escape",
        "utf-7",
        "undefined",
    }
)
"""Encodings that Python has but that text files are never in."""
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"')


class Quoted(str):
    """The text of a cell that was in quotes."""

    __slots__ = ()


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: The number of the line that it starts in, from 1.
        cells: Its cells; those in quotes are `Quoted`.
    """

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class CsvForm:
    """What a caller says about a table; the rest is found as `mlem_model.data.csv.table` says.

    Attributes:
        header: Whether the first row has names.
        separator: The separator between two cells.
        encoding: The encoding of the text; without it UTF-8, or what a byte order mark says.
        decimal: The decimal separator.
        empty: What ``""`` means in a column of texts that may be missing.
    """

    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    decimal: str = "."
    empty: Literal["text", "missing"] | None = None

    @classmethod
    def of(cls, values: Mapping[str, str | bool | None]) -> Self:
        """Read what a command line or a media type says.

        Args:
            values: Words by the name of an attribute; ``charset`` is ``encoding``, and ``header`` may be ``present`` or
                ``absent``, as in RFC 4180. None means that nothing is said.

        Raises:
            UserError: A name or a word is unknown.
        """
        found: dict[str, Any] = {}
        known = [field.name for field in fields(cls)]
        for given, value in values.items():
            name = "encoding" if given == "charset" else given
            if name not in known:
                raise UserError(
                    f'csv has no parameter "{given[:80]}"', code="bad-csv", known=known, hint=did_you_mean(given, known)
                )
            if value is not None:
                found[name] = value if isinstance(value, bool) else _PARSE[name](value)
        return cls(**found)

    def but(self, **changes: Any) -> CsvForm:
        """Return the same with some attributes changed."""
        return CsvForm(**{**{field.name: getattr(self, field.name) for field in fields(self)}, **changes})


def _header(word: str) -> bool:
    return {"present": True, "absent": False}[_one_of("header", ("present", "absent"), word.lower())]


def _separator(word: str) -> str:
    found = _WORDS.get(word.lower(), word)
    if len(found) != 1 or found.isalnum() or found in '"\r\n\0':
        raise UserError(
            f"separator: expected one character between cells, got {word[:80]!r}", code="bad-csv", known=list(_WORDS)
        )
    return found


def _encoding(word: str) -> str:
    try:
        codec = codecs.lookup(word)
        text = getattr(codec, "_is_text_encoding", True) and codec.name.replace("_", "-") not in _NO_FILES
    except (LookupError, ValueError):
        text = False
    if not text:
        raise UserError(
            f"unknown encoding {word[:80]!r}", code="bad-csv", known=("utf-8", "latin-1", "windows-1252", "utf-16")
        )
    return codec.name


def _one_of(name: str, known: tuple[str, ...], word: str) -> str:
    if word not in known:
        raise UserError(f"{name}: expected one of {', '.join(known)}, got {word[:80]!r}", code="bad-csv", known=known)
    return word


_PARSE: Mapping[str, Any] = {
    "header": _header,
    "separator": _separator,
    "encoding": _encoding,
    "decimal": lambda word: _one_of("decimal", (".", ","), word),
    "empty": lambda word: _one_of("empty", ("text", "missing"), word),
}


def bad_csv(source: str, message: str, *, line: int | None = None, hint: str | None = None) -> UserError:
    """Return the error for a table that can't be read."""
    where = f"line {line}: " if line else ""
    return UserError(f"{source}: not valid csv: {where}{message}", code="bad-csv", hint=hint)


def bad_header(source: str, message: str, *, line: int, hint: str | None = None) -> UserError:
    """Return the error for a table whose first row is not what the type needs, or can't be told to be."""
    return UserError(f"{source}: line {line}: {message}", code="bad-header", hint=hint)


class _Counted(io.BufferedIOBase):
    """A stream of bytes that knows where its reader is, for messages."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream
        self.offset = 0
        self.lines = 0
        self._last = b""

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        self.offset += len(self._last)
        self.lines += self._last.count(b"\n")
        if self._head:
            self._last, self._head = self._head, b""
        else:
            self._last = self._stream.read(size if size > 0 else io.DEFAULT_BUFFER_SIZE)
        return self._last

    def read(self, size: int | None = -1, /) -> bytes:
        return self.read1(size or -1)

    def place(self, error: UnicodeDecodeError) -> tuple[int, int]:
        """Return the offset and the line of a byte that can't be decoded."""
        before = len(error.object) - len(self._last)  # what an earlier read left of a character
        return self.offset - before + error.start, self.lines + 1 + error.object[: error.start].count(b"\n")


def open_text(stream: IO[bytes], encoding: str | None, source: str) -> Iterator[str]:
    """Decode a stream, and yield its lines with their ends.

    Args:
        stream: The content.
        encoding: Its encoding; None for UTF-8, or what its byte order mark says.
        source: Its name, for messages.

    Raises:
        UserError: It is not text, or in another encoding.
    """
    head = b""
    while len(head) < 4 and (more := stream.read(4 - len(head))):
        head += more
    no_text = next((what for magic, what in _NO_TEXT if head.startswith(magic)), None)
    if no_text and encoding is None:
        raise UserError(f"{source} is {no_text}, not text", code="bad-csv", hint="save it as CSV in UTF-8")
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked and encoding and not encoding.startswith(marked.removesuffix("-sig")):
        said = (
            f"{source} starts with the byte order mark of {marked.removesuffix('-sig').upper()}, "
            f"so it is not in {encoding}"
        )
        raise UserError(said, code="bad-csv", hint=f"--encoding {marked.removesuffix('-sig')}")
    counted = _Counted(head, stream)
    chosen = marked or encoding or "utf-8"
    lines = io.TextIOWrapper(counted, chosen, newline="")  # type: ignore[type-var]  # it uses only what counted has
    try:
        yield from lines
    except UnicodeDecodeError as error:
        offset, line = counted.place(error)
        byte = error.object[error.start : error.start + 1].hex()
        said = f"{source} is not in {chosen.removesuffix('-sig').upper()}: byte 0x{byte} at {offset} (line {line})"
        raise UserError(
            said, code="bad-encoding", hint="name its encoding: --encoding latin-1, or charset=latin-1"
        ) from error


def rows(lines: Iterable[str], separator: str, source: str, before: int = 0) -> Iterator[Row]:
    """Split lines into rows of cells.

    Args:
        lines: With their line ends; all must end like the first.
        separator: What is between two cells.
        source: The table's name, for messages.
        before: How many lines are before the first one.

    Raises:
        UserError: The lines do not follow the grammar.
    """
    iterator = iter(lines)
    number, ending = before, ""
    for line in iterator:
        number += 1
        first, text = number, line
        if '"' in line and line.count('"') % 2:
            text, number = _whole(line, iterator, number, separator, source)
        if "\0" in text:
            hint = "is it UTF-16 without a byte order mark? --encoding utf-16-le"
            raise bad_csv(source, "a NUL byte", line=first, hint=hint)
        content = text.rstrip("\r\n")
        end = text[len(content) :]
        ending = ending or end
        if end not in ("", ending):
            said = (
                f"the line ends with {_name(end)}, the lines before with {_name(ending)}: "
                "a line end within a cell has to be in quotes"
            )
            raise bad_csv(source, said, line=number)
        yield Row(first, _cells(content, separator, first, source) if '"' in content else content.split(separator))


def _whole(line: str, more: Iterator[str], number: int, separator: str, source: str) -> tuple[str, int]:
    """Return the row that a line starts, including the lines that its quoted cell spans, and its last line's number."""
    first = number
    _cells(
        line.rstrip("\r\n"), separator, first, source, open_end=True
    )  # a quote that opens no cell must not swallow the rest
    parts = [line]
    for part in more:
        number += 1
        parts.append(part)
        if part.count('"') % 2:
            return "".join(parts), number
    raise bad_csv(source, "a quote is opened here and never closed", line=first)


def _cells(text: str, separator: str, line: int, source: str, *, open_end: bool = False) -> list[str]:
    """Split a row that has quotes."""
    found: list[str] = []
    position, length = 0, len(text)
    while True:
        if text.startswith('"', position):
            cell = _QUOTED.match(text, position)
            if cell is None:
                if open_end:
                    return found
                raise bad_csv(source, "a quote is opened here and never closed", line=line)
            found.append(Quoted(cell[1].replace('""', '"')))
            position = cell.end()
        else:
            stop = text.find(separator, position)
            stop = length if stop < 0 else stop
            found.append(text[position:stop])
            if '"' in found[-1]:
                raise bad_csv(source, f"a quote within {_short(found[-1])}: {_DOUBLED}", line=line)
            position = stop
        if position >= length:
            return found
        if text[position] != separator:
            raise bad_csv(source, f"{_short(text[position:])} follows a closing quote: {_DOUBLED}", line=line)
        position += 1


_DOUBLED = "a cell with a quote has to be in quotes, and the quote doubled"


def _short(text: str) -> str:
    return repr(text[:40])


def _name(end: str) -> str:
    return {"\r\n": "CR LF", "\n": "LF", "\r": "CR"}[end]


class Lines:
    """Lines whose beginning can be looked at before they are read.

    Args:
        lines: With their ends.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._seen: list[str] = []
        self._skipped = 0

    def is_empty(self) -> bool:
        """Say whether there are no lines."""
        return not self._seen and next(self._more(), None) is None

    def first_line(self) -> str:
        """Return the first line without its end; empty when there is none."""
        return next(chain(list(self._seen), self._more()), "").rstrip("\r\n")

    def skip_line(self) -> None:
        """Leave out the first line, which was looked at."""
        self._seen = self._seen[1:]
        self._skipped += 1

    def skip_blank_lines(self) -> None:
        """Skip the empty lines at the start of the table."""
        while (self._seen or next(self._more(), None) is not None) and not self._seen[0].rstrip("\r\n"):
            self.skip_line()

    def has_second_row(self, separator: str, source: str) -> bool:
        """Say whether a row follows the first one.

        Raises:
            UserError: See `rows`.
        """
        found = rows(chain(list(self._seen), self._more()), separator, source, self._skipped)
        return next(found, None) is not None and next(found, None) is not None

    def first_row(self, separator: str, source: str) -> Row:
        """Return the first row as a separator splits it; there has to be one.

        Raises:
            UserError: See `rows`.
        """
        return next(rows(chain(list(self._seen), self._more()), separator, source, self._skipped))

    def rows(self, separator: str, source: str) -> Iterator[Row]:
        """Read the rows; see `rows`."""
        return rows(chain(self._seen, self._lines), separator, source, self._skipped)

    def _more(self) -> Iterator[str]:
        for line in self._lines:
            self._seen.append(line)
            yield line
