"""The arguments of a method as people write them: a file, JSON, or options by name.

And which argument a bare value belongs to.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mlem_model.data.csv.cells import Cells, Style, UnfitError
from mlem_model.data.csv.layout import Plain, layout_of
from mlem_model.data.csv.text import CsvForm, Quoted
from mlem_model.data.dataset import read_data
from mlem_model.data.formats.files import STDIN, format_of, opened, read_text, sniff
from mlem_model.data.formats.raw import is_raw
from mlem_model.data.types.any import Json, PrimitiveType, UnspecifiedType
from mlem_model.errors import DataError, NotFoundError, UserError
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model import ALIAS, Argument, Method
from mlem_model.objects.validation import did_you_mean

_BLANKS = b"\xef\xbb\xbf \t\r\n"
Given = Sequence[tuple[str, str | None]]
"""Options by name, as they were written; None for one without a value."""


@dataclass(frozen=True)
class CallReader:
    """Reads the arguments of a call.

    Attributes:
        method: The method's signature.
        called: Its public name, for messages.
        format: The format of files; None to find it.
        form: What is said of tables in CSV.
        options: What else may be given by name beside the arguments, for hints.
    """

    method: Method
    called: str = PREDICT
    format: str | None = None
    form: CsvForm = CsvForm()
    options: tuple[str, ...] = ()

    def read(self, data: str | None, given: Given = (), stdin: IO[bytes] | None = None) -> dict[str, Any]:
        """Read the arguments of a call.

        Args:
            data: A file, the name of saved data, ``-`` for standard input, or JSON: the value of the only required
                argument that is not given, or an object with the arguments. None when all is given.
            given: Arguments by name.
            stdin: What ``-`` reads from.

        Returns:
            Values by the names of the arguments.

        Raises:
            UserError: An argument is unknown, given twice, or missing; or see `mlem_model.data.dataset.read_data`.
            DataError: A value does not fit.
        """
        values = self._given(given)
        if data is not None:
            for name, value in self._read(
                data, [argument for argument in self.method.args if argument.name not in values], stdin
            ).items():
                if name in values:
                    raise UserError(f"{self.called} got several values for the argument {name}", code="bad-arguments")
                values[name] = value
        missing = [argument.name for argument in self.method.args if argument.required and argument.name not in values]
        if missing:
            said = f"{self.called} needs {' and '.join(missing)}"
            example = json.dumps(dict.fromkeys(missing, "..."))
            how = " ".join(f"--{name} ..." for name in missing)
            raise UserError(
                said, code="bad-arguments", hint=f"{how}, or '{example}'{', or a file' if len(missing) == 1 else ''}"
            )
        return values

    def is_file(self, data: str) -> bool:
        """Say whether DATA is a file with the value of the method's only argument, which can be read in parts."""
        return len(self.method.args) == 1 and not self._is_json(data) and not _holds_object(data, self.format)

    def _given(self, given: Given) -> dict[str, Any]:
        known = {argument.name: argument for argument in self.method.args}
        values: dict[str, Any] = {}
        for written, text in given:
            name, negated = written, False
            if name not in known and name.startswith("no_") and _is_bool(known.get(name[3:])) and text is None:
                name, negated = name[3:], True
            if name not in known:
                near = did_you_mean(name, [*known, *self.options])
                hint = near.replace('"', '"--', 1) if near else None
                raise UserError(
                    f'{self.called} has no argument "{name}"', code="bad-arguments", known=list(known), hint=hint
                )
            if name in values:
                raise UserError(f"--{name} was given twice", code="bad-arguments")
            values[name] = not negated if text is None and _is_bool(known[name]) else self.from_text(known[name], text)
        return values

    def from_text(self, argument: Argument, text: str | None) -> Any:
        """Read the value of an option: text for a text, a number for a number, JSON or a file for anything else.

        Raises:
            DataError: It is not a value of the argument.
        """
        name, data_type = argument.name, argument.data_type
        if text is None:
            raise UserError(f"--{name} needs a value", code="bad-arguments")
        cells = _cells_of(argument)
        if cells is not None and cells.text and not cells.mixed:
            return data_type.decode(text, name)
        if text.startswith("@") or (is_raw(data_type) and self.format is None):
            return read_data(text.removeprefix("@"), data_type, format=self.format, form=self.form, argument=name)
        if cells is not None and not cells.text:
            try:
                if not text.strip():
                    raise UnfitError(cells.expected)
                return data_type.decode(cells.read(Quoted(text), Style()), name)
            except UnfitError as error:
                raise DataError(name, error.expected, repr(text[:80]), hint=error.hint) from error
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError):
            if cells is not None or isinstance(data_type, UnspecifiedType):
                payload = text
            elif text.lstrip()[:1] not in ("[", "{"):
                return read_data(text, data_type, format=self.format, form=self.form, argument=name)
            else:
                raise DataError(name, "JSON, or a file", repr(text[:80])) from None
        return data_type.decode(payload, name)

    def _read(self, data: str, free: Sequence[Argument], stdin: IO[bytes] | None) -> Mapping[str, Any]:
        target = _target(free)
        if self._is_json(data):
            try:
                return self._bound(json.loads(data), target)
            except (ValueError, RecursionError) as error:
                raise UserError(f"DATA is not valid JSON: {error}", code="bad-format") from error
        try:
            return self._read_file(data, target, stdin)
        except NotFoundError as error:
            if (
                target is not None
                and _cells_of(target) is not None
                and not is_raw(target.data_type)
                and error.hint is None
            ):
                error.hint = f"DATA was taken for the name of a file; to give a value: --{target.name} {data}"
            raise

    def _is_json(self, data: str) -> bool:
        """Say whether DATA is JSON itself, not the name of a file."""
        return data.lstrip()[:1] in ("{", "[") and self.format in (None, "json") and not Path(data).exists()

    def _read_file(self, data: str, target: Argument | None, stdin: IO[bytes] | None) -> Mapping[str, Any]:
        content: IO[bytes] | None = None
        if not (target is not None and is_raw(target.data_type) and self.format is None):
            payload, content = self._json_object(data, stdin, target)
            if payload is not None:
                return self._bound(payload, target)
        if target is None:
            names = ", ".join(argument.name for argument in self.method.args) or "none"
            hint = "give the arguments by name, --NAME VALUE, or as a JSON object"
            raise UserError(
                f"{self.called} does not take a bare value: its arguments are {names}", code="bad-arguments", hint=hint
            )
        value = read_data(
            data, target.data_type, format=self.format, stdin=content or stdin, form=self.form, argument=target.name
        )
        return {target.name: value}

    def _json_object(
        self, data: str, stdin: IO[bytes] | None, target: Argument | None
    ) -> tuple[Json, IO[bytes] | None]:
        """Return the object that a file of JSON has, None where it has something else; and what standard input had."""
        kind = self.format or (None if data == STDIN else format_of(data)[0])
        if (
            kind not in (None, "json", "txt")
            or (kind is None and data != STDIN and Path(f"{data}.mlem").is_file())
            or data.endswith(".mlem")
        ):
            return None, None
        with opened(data, stdin) as stream:
            head = stream.read(4096)
            if data != STDIN and kind != "json" and head.lstrip(_BLANKS)[:1] != b"{":
                return None, None
            content = head + stream.read()
        again = io.BytesIO(content) if data == STDIN else None
        if kind != "json" and (kind == "txt" or sniff(content, target.data_type if target else None) != "json"):
            return None, again
        try:
            payload = json.loads(read_text(content, self.form.encoding, data))
        except (ValueError, RecursionError):
            return None, again  # the code that reads it as a value will say what is wrong
        return (payload if isinstance(payload, dict) else None), again

    def _bound(self, payload: Json, target: Argument | None) -> Mapping[str, Any]:
        known = {argument.name: argument for argument in self.method.args}
        names = known.keys() | ({ALIAS} if len(known) == 1 else set())
        if isinstance(payload, dict) and payload and payload.keys() <= names:
            alias = next(iter(known))
            return {
                (name if name in known else alias): known.get(name, known[alias]).data_type.decode(
                    value, name if name in known else alias
                )
                for name, value in payload.items()
            }
        if target is None:
            return self.method.decode_args(payload)
        return {target.name: target.data_type.decode(payload, target.name)}


def _holds_object(data: str, format: str | None) -> bool:
    """Say whether a file may have a JSON object, which is the arguments or a value: it has to be read as a whole."""
    kind = format or (None if data == STDIN else format_of(data)[0])
    if kind not in (None, "json"):
        return False
    if data == STDIN:
        return True
    with opened(data) as stream:
        return stream.read(4096).lstrip(_BLANKS)[:1] == b"{"


def _target(free: Sequence[Argument]) -> Argument | None:
    required = [argument for argument in free if argument.required]
    if required:
        return required[0] if len(required) == 1 else None
    return free[0] if len(free) == 1 else None


def _is_bool(argument: Argument | None) -> bool:
    return argument is not None and isinstance(argument.data_type, PrimitiveType) and argument.data_type.ptype == "bool"


def _cells_of(argument: Argument) -> Cells | None:
    """Return what reads a value that a cell has room for; None for any other."""
    try:
        layout = layout_of(argument.data_type)
    except UserError:
        return None
    return layout.at(0) if isinstance(layout, Plain) and layout.single else None
