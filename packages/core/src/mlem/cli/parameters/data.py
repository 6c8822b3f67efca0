"""Data for a method, and its answer: what ``mlem apply`` and ``mlem deployment apply`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlem.cli.terminal.messages import note, say
from mlem.cli.terminal.output import output_option, project_option, to_json
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.dataset import write_data
from mlem_model.data.types.any import ListType, UnspecifiedType
from mlem_model.data.types.notes import collecting
from mlem_model.models.calls.answering import encode_answer
from mlem_model.models.calls.reader import CallReader

if TYPE_CHECKING:
    from mlem_model.models.model import Method

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
EPILOG = (
    "The method's arguments are options too: --threshold 0.9. "
    "Text is text, numbers are numbers, anything else is JSON or @FILE."
)


class CallCommand(click.Command):
    """A command that calls a method, whose arguments are options: those that the command does not know.

    It gets them as ``given``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the method's arguments aside, and parse the rest."""
        rest, ctx.meta["mlem.given"] = self._apart(args)
        return super().parse_args(ctx, rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with the method's arguments as ``given``."""
        ctx.params["given"] = ctx.meta["mlem.given"]
        return super().invoke(ctx)

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the command's own options."""
        return tuple(sorted({_normal(opt) for param in self.params for opt in param.opts if opt.startswith("--")}))

    def _apart(self, args: Sequence[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
        takes_value = {"help": False, "-h": False}
        for param in self.params:
            for opt in (*param.opts, *param.secondary_opts):
                takes_value[_normal(opt)] = isinstance(param, click.Option) and not param.is_flag
        rest: list[str] = []
        given: list[tuple[str, str | None]] = []
        left = list(args)
        while left:
            word = left.pop(0)
            if word == "--":
                return [*rest, word, *left], given
            option, equals, value = word.partition("=")
            name = _normal(option).removeprefix("arg.")
            if option.startswith("--") and _normal(option) not in takes_value and name.isidentifier():
                following = left.pop(0) if not equals and left and not left[0].startswith("--") else None
                given.append((name, value if equals else following))
                continue
            rest.append(word)
            if option.startswith("-") and takes_value.get(_normal(option)) and not equals and left:
                rest.append(left.pop(0))
        return rest, given


def _normal(option: str) -> str:
    """Return the name of a long option without hyphens; a short one as it is."""
    return option.removeprefix("--").replace("-", "_") if option.startswith("--") else option


def data_options(command: CommandT) -> CommandT:
    """Add DATA and the options about it, the method and the answer to a command."""
    options = [
        click.argument("data", metavar="[DATA]", required=False),
        click.option(
            "--method", "-m", default=None,
            help="The method to call.  [default: predict, or the first of a model without it]",
        ),
        click.option(
            "--format", "format_", metavar="FORMAT", default=None,
            help="Format of DATA: csv, tsv, txt, json, jsonl, npy, npz, parquet, arrow.  [default: from its name]",
        ),
        click.option(
            "--header/--no-header", default=None,
            help="CSV: whether the first row has names.  [default: see the docs on CSV]",
        ),
        click.option(
            "--separator", metavar="SIGN", default=None,
            help="CSV: the character between two cells.  [default: found by the names]",
        ),
        click.option(
            "--encoding", metavar="NAME", default=None,
            help="The encoding of text.  [default: utf-8, or what its byte order mark says]",
        ),
        click.option("--decimal", metavar="SIGN", default=None, help="CSV: the decimal separator.  [default: .]"),
        click.option(
            "--empty", type=click.Choice(["text", "missing"]), default=None,
            help='CSV: what "" means in a column of texts.',
        ),
        click.option("--strict", is_flag=True, help="Refuse data with columns or categories unknown to the model."),
        click.option(
            "--save", "-o", "target", metavar="FILE", default=None,
            help="Write the answer to a file, in the format of its name.",
        ),
        project_option,
        output_option,
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def form_of(**values: str | bool | None) -> CsvForm:
    """Return what the options say about a CSV table.

    Raises:
        UserError: One of the options is wrong.
    """
    return CsvForm.of(values)


def reader_of(ctx: click.Context, method: Method, called: str, format_: str | None, form: CsvForm) -> CallReader:
    """Return what reads the arguments of a call."""
    words = ctx.command.words if isinstance(ctx.command, CallCommand) else ()
    return CallReader(method, called, format_, form, words)


@contextmanager
def noted(*, strict: bool) -> Iterator[None]:
    """Report how data was changed to fit; with ``strict``, refuse it instead."""
    with collecting(strict=strict) as notes:
        yield
    for line in notes.lines:
        note(f"note: {line}")


def print_answer(method: Method, answer: Any, target: str | None) -> None:
    """Print an answer as JSON on one line, or write it to a file.

    The items of a deployed stream are printed as they arrive.
    """
    if method.streams and not isinstance(answer, list):
        if target is None:
            item_type = method.returns.dtype if isinstance(method.returns, ListType) else UnspecifiedType()
            for item in answer:
                say(to_json(encode_answer(item_type, item)[0]))
            return
        answer = list(answer)
    if target is not None:
        write_data(answer, target)
        note(f"saved {target}")
        return
    say(to_json(encode_answer(method.returns, answer)[0]))
