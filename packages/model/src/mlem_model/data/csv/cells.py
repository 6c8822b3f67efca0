"""What the text of a cell becomes, by the type of its column.

=============================  =====================================================================================
the column takes               a cell is
=============================  =====================================================================================
text                           the text as it is written: ``007``, ``true`` and ``nan`` are texts
numbers                        a number in English notation (``3``, ``-0.5``, ``1e-3``, ``inf``);
                               ``3.0`` is a whole number too
true and false                 ``true``/``false``, ``t``/``f``, ``yes``/``no``, ``1``/``0``, in capitals or not
some listed values             one of them, as it is written
times, durations, decimals     the text, which the type reads
lists and objects              JSON
text, and numbers or booleans  the text, where no writer of CSV would write a number or boolean so;
                               where one would, it is refused
anything (no sample)           what all cells of the column are: whole numbers, numbers, true and false,
                               or else text
=============================  =====================================================================================

Where a value may be missing, an empty cell is a missing one. Where it may not be text either, so are the words for it
that pandas knows: ``NA``, ``N/A``, ``#N/A``, ``NaN``, ``NULL``, ``null``, ``None``, ``<NA>``, ``NaT``. In a column of
texts ``NA`` is a text, except without quotes below a header in quotes, where R writes it. Whether ``""`` below such a
header is an empty text (R) or a missing one (pandas) can't be known: it is refused unless the caller says.

Source: https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html, parameter ``na_values``;
https://stat.ethz.ch/R-manual/R-devel/library/utils/html/write.table.html, "CSV files" (both read 2026-11).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mlem_model.data.csv.text import Quoted
from mlem_model.data.types.any import Json

MISSING = frozenset({"", "na", "n/a", "#n/a", "#n/a n/a", "#na", "nan", "-nan", "null", "none", "<na>", "nat"})
"""The words for a missing value, in lower case."""
_BOOLEANS = {"true": True, "false": False, "t": True, "f": False, "yes": True, "no": False, "1": True, "0": False}
_DIGITS = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE)
_PLAIN_NUMBERS = re.compile(r"[0-9+\-.eE]+")
_WRITTEN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-][0-9]{2,3})?")
"""A number as programs write it; ``007``, ``+49`` and ``12e3`` are not written that way."""
_WRITTEN_BOOLEANS = frozenset({"True", "False", "TRUE", "FALSE"})
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_EXACT = 2**53
_JSON_WORDS = {"NaN", "Infinity", "-Infinity"}


class UnfitError(ValueError):
    """The text of a cell is not a value that its column takes.

    Args:
        expected: What the column takes.
        hint: What to do.
        row: The position of the cell among those that were read.
    """

    def __init__(self, expected: str, hint: str | None = None, row: int = 0) -> None:
        super().__init__(expected)
        self.expected, self.hint, self.row = expected, hint, row


@dataclass(frozen=True, slots=True)
class Style:
    """How the writer of a table writes what can't be told from a single cell.

    Attributes:
        decimal: The decimal separator.
        na: What ``NA`` without quotes means in a column of texts.
        empty: What ``""`` means there; None where it can't be known.
    """

    decimal: str = "."
    na: Literal["text", "missing"] | None = "text"
    empty: Literal["text", "missing"] | None = "text"


class Cells:
    """Reads the cells of a column.

    Args:
        schema: The JSON Schema of a value of the column; see `mlem_model.data.types.base.DataType.json_schema`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        simple = list(_simple(schema))
        kinds = {kind for kind, _ in simple}
        self.anything = "any" in kinds
        self.nullable = bool(kinds & {"any", "null"})
        self.text = bool(kinds & {"any", "text"}) or (kinds <= {"enum", "null"} and _are_texts(simple))
        self.mixed = self.text and bool(kinds & {"any", "integer", "number", "boolean", "nested"})
        self._formatted = "formatted" in kinds
        self._encoded = ("formatted", ("base64",)) in simple
        self._integer = bool(kinds & {"any", "integer"})
        self._number = bool(kinds & {"any", "number"})
        self._boolean = bool(kinds & {"any", "boolean"})
        self._nested = "nested" in kinds
        self._values = [value for kind, found in simple if kind == "enum" for value in found]
        self._words = list(dict.fromkeys(words for kind, found in simple if (words := _words_of(kind, found))))

    @property
    def expected(self) -> str:
        """What a cell has to be."""
        return " or ".join(self._words) or "nothing"

    def fits(self, cell: str, style: Style) -> bool:
        """Say whether a cell can be read."""
        try:
            self.read(cell, style)
        except UnfitError:
            return False
        return True

    def read(self, cell: str, style: Style) -> Json:
        """Read one cell.

        Raises:
            UnfitError: It is not a value that the column takes.
        """
        word = cell.strip(" \t")
        if self._values:
            listed = [value for value in self._values if _is_written(value, cell, word, style)]
            if len(listed) > 1:
                raise UnfitError(
                    f"an unambiguous cell: this may be {' or '.join(map(repr, listed))}", "send it as JSON"
                )
            if listed:
                return listed[0]
        if self.text:  # whether a text that is not listed is accepted is for the type to say
            return self._read_text(cell, style)
        if word.casefold() in MISSING:
            if self.nullable:
                return None
            raise UnfitError(self.expected)
        for read in self._readers:
            if (found := read(word, style)) is not _NOTHING:
                return found
        raise UnfitError(self.expected, _hint(word) if self._number or self._integer else None)

    def read_all(self, cells: Sequence[str], style: Style) -> list[Json]:
        """Read the cells of a column, or of a part of it.

        Raises:
            UnfitError: One of them does not fit; ``row`` says which.
        """
        found = self._read_plain(cells, style)
        if found is not None:
            return found
        values: list[Json] = []
        for row, cell in enumerate(cells):
            try:
                values.append(self.read(cell, style))
            except UnfitError as error:
                raise UnfitError(error.expected, error.hint, row) from None
        return values

    def _read_plain(self, cells: Sequence[str], style: Style) -> list[Json] | None:
        """Read cells all at once; None where one of them needs a closer look."""
        if self.text or self._values or self._boolean or not (self._number or self._integer) or style.decimal != ".":
            return None
        if not _PLAIN_NUMBERS.fullmatch("".join(cells)):
            return None
        try:
            values: list[Json] = (
                list(map(float, cells)) if self._number and not self._integer else list(map(int, cells))
            )
        except ValueError:
            return None
        return values if self._integer or all(map(math.isfinite, values)) else None

    def _read_text(self, cell: str, style: Style) -> Json:
        quoted = type(cell) is Quoted
        if self.nullable and (not cell or (cell == "NA" and not quoted)):
            meant = style.empty if quoted else style.na if cell else "missing"
            if meant is None:
                said = (
                    "a cell that is clearly an empty text or clearly missing"
                    if quoted
                    else 'a text in quotes ("NA") or an empty cell'
                )
                raise UnfitError(
                    said, 'say what "" is: --empty text or --empty missing (media type: empty=text)' if quoted else None
                )
            if meant == "missing":
                return None
        numbers = (self._number or self._integer) and _WRITTEN_NUMBER.fullmatch(cell)
        if numbers or (self._boolean and cell in _WRITTEN_BOOLEANS) or (self._nested and cell[:1] in ("{", "[")):
            raise UnfitError(
                "a text that can be nothing else: this column has texts and other values", "send it as JSON"
            )
        return str(cell)

    @cached_property
    def _readers(self) -> list[Callable[[str, Style], Json]]:
        found: list[Callable[[str, Style], Json]] = []
        if self._integer:
            found.append(_read_integer)
        if self._number:
            found.append(_read_number)
        if self._boolean:
            found.append(lambda word, _: _BOOLEANS.get(word.casefold(), _NOTHING))
        if self._nested:
            found.append(_read_nested)
        if self._encoded:
            found.append(lambda word, _: word)
        elif self._formatted:
            found.append(_read_formatted)
        return found


def _is_written(value: Json, cell: str, word: str, style: Style) -> bool:
    """Say whether a cell is one of the ways to write a value."""
    if isinstance(value, str):
        return value == cell
    if isinstance(value, bool):
        return _BOOLEANS.get(word.casefold()) is value
    return bool(_read_number(word, style) == value)


def _are_texts(simple: Sequence[tuple[str, Sequence[Any]]]) -> bool:
    listed = [value for kind, found in simple if kind == "enum" for value in found]
    return bool(listed) and all(isinstance(value, str) for value in listed)


_NOTHING: Any = object()


def _simple(schema: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield what a schema accepts: the kinds of values, each with its values where these are listed."""
    if "anyOf" in schema:
        members = [pair for member in schema["anyOf"] for pair in _simple(member)]
        # numbers that JSON has no literal for are sent as strings, which does not make the column one of texts
        yield from ((kind, values) for kind, values in members if not (kind == "enum" and {*values} >= _JSON_WORDS))
        yield from (("null", ()) for kind, values in members if kind == "enum" and None in values)
        return
    if "enum" in schema:
        yield "enum", [value for value in schema["enum"] if value is not None]
        if None in schema["enum"]:
            yield "null", ()
        return
    words = schema.get("type")
    if words is None:
        yield "any", ()
        return
    if "examples" in schema:  # the values of a category; others may come
        kinds = {_KINDS[type(value)] for value in schema["examples"]}
        yield from ((kind, ()) for kind in sorted(kinds | ({"null"} if "null" in words else set())))
        if len(kinds) > 1:
            yield "enum", schema["examples"]
        return
    listed = {words} if isinstance(words, str) else set(words)
    if {"string", "number"} <= listed and "boolean" not in listed:  # a decimal number, which travels as text
        listed -= {"string", "number"}
        yield "formatted", ("a number",)
    for word in sorted(listed):
        if word == "string" and ("format" in schema or "contentEncoding" in schema):
            yield "formatted", (schema.get("format") or schema["contentEncoding"],)
        else:
            yield {"string": "text", "array": "nested", "object": "nested"}.get(word, word), ()


_KINDS: Mapping[type, str] = {str: "text", int: "integer", float: "number", bool: "boolean"}
_WORDS = {
    "text": "a text", "integer": "an integer", "number": "a number", "boolean": "true or false", "nested": "JSON",
    "any": "a value", "date": "a date", "date-time": "a time", "time": "a time of day", "duration": "a duration",
    "uuid": "a UUID", "base64": "base64",
}  # fmt: skip


def _words_of(kind: str, values: Sequence[Any]) -> str:
    if kind == "enum":
        shown = ", ".join(str(value) for value in values[:20])
        return f"one of {shown}{', ...' if len(values) > 20 else ''}"
    return _WORDS.get(str(values[0]), str(values[0])) if kind == "formatted" else _WORDS.get(kind, "")


def _plain(word: str, style: Style) -> str:
    """Return a number with a point as its decimal separator."""
    if style.decimal == ".":
        return word
    return "" if "." in word else word.replace(style.decimal, ".")


def _read_integer(word: str, style: Style) -> Json:
    plain = _plain(word, style)
    if _DIGITS.fullmatch(plain) and len(plain) < 400:
        return int(plain.partition(".")[0])
    if _NUMBER.fullmatch(plain):
        value = float(plain)
        if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
    return _NOTHING


def _read_number(word: str, style: Style) -> Json:
    plain = _plain(word, style)
    if _NUMBER.fullmatch(plain):
        value = float(plain)
        return value if math.isfinite(value) else _NOTHING
    infinite = _INFINITE.fullmatch(word)
    return _NOTHING if infinite is None else "-Infinity" if infinite[1] == "-" else "Infinity"


def _read_formatted(word: str, _style: Style) -> Json:
    """Leave the text to the type; a word without a digit is refused: no time, duration or number is written so."""
    return word if any(sign.isdigit() for sign in word) else _NOTHING


def _read_nested(word: str, _style: Style) -> Json:
    if word[:1] not in ("{", "["):
        return _NOTHING
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return _NOTHING


def is_value(cell: str) -> bool:
    """Say whether a cell looks like a value, so that it can't be a name: a missing one, a number, true or false."""
    word = cell.strip().casefold()
    return word in MISSING or word in ("true", "false") or bool(_NUMBER.fullmatch(word) or _INFINITE.fullmatch(word))


def _hint(word: str) -> str | None:
    if _DECIMAL_COMMA.fullmatch(word):
        return 'a decimal comma? --decimal , (media type: decimal=",")'
    found = next((separator for separator in (";", "\t", "|") if separator in word), None)
    shown = {"\t": "tab"}.get(found or "", found)
    return None if found is None else f"separated by {shown!r}? --separator {shown!r}"


def read_untyped(cells: Sequence[str], style: Style) -> list[Json]:
    """Read a column whose type is not known: it gets the type that fits all of its cells.

    Args:
        cells: All cells of the column; those in quotes are texts.
        style: How the table is written.
    """
    there = [cell for cell in cells if cell.strip().casefold() not in MISSING or type(cell) is Quoted]
    if there and not any(type(cell) is Quoted for cell in there):
        for schema, written in _UNTYPED:
            if all(written(_plain(cell, style)) for cell in there):
                return Cells({"anyOf": [schema, {"type": "null"}]}).read_all(cells, style)
    if not there:
        return [None] * len(cells)
    return Cells({"type": ["string", "null"]}).read_all(cells, style)


_UNTYPED: tuple[tuple[Mapping[str, Any], Callable[[str], Any]], ...] = (
    ({"type": "integer"}, re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch),
    ({"type": "number"}, lambda cell: _WRITTEN_NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell)),
    ({"type": "boolean"}, lambda cell: cell.casefold() in ("true", "false")),
)
