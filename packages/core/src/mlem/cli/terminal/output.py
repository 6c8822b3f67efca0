"""Results on stdout, as text or JSON; errors on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from mlem.cli.terminal import messages
from mlem.cli.terminal.messages import OBEYED, annotate, say
from mlem.cli.terminal.workflow_commands import disarmed
from mlem_model.errors import MlemError

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def output_option(command: CommandT) -> CommandT:
    """Add ``--output text|json`` to a command, which gets it as ``output``, and ``--quiet``."""
    return outputs_option("text", "json")(command)


def outputs_option(*forms: str) -> Callable[[CommandT], CommandT]:
    """Add ``--output`` with these forms, the first being the default, and ``--quiet``."""

    def add(command: CommandT) -> CommandT:
        output = click.option("--output", type=click.Choice(forms), default=forms[0], help="How to print the result.")
        return output(quiet_option(command))

    return add


def quiet_option(command: CommandT) -> CommandT:
    """Add ``--quiet``: nothing but results, warnings and errors is printed."""
    return click.option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=_be_quiet,
        help="Print results, warnings and errors alone: no progress, no notes.",
    )(command)


def _be_quiet(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        messages.quiet = True


def verbose_option(command: CommandT) -> CommandT:
    """Add ``--verbose`` to a command that has steps: the log of each is shown as it is written."""
    return click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=_be_verbose,
        help="Show all that goes on in each step, such as the log of a build.",
    )(command)


def _be_verbose(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        messages.verbose = True


def project_option(command: CommandT) -> CommandT:
    """Add ``--project`` to a command."""
    return click.option(
        "--project", metavar="DIR", default=None, help="Folder that names start from.  [default: the current one]"
    )(command)


def to_json(data: Any) -> str:
    """Write plain data as JSON, with escapes where the terminal's encoding lacks characters."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "") if sys.stdout else ""
    text = json.dumps(data, ensure_ascii=not encoding.startswith("utf"), default=str)
    return disarmed(OBEYED.sub(lambda match: _escaped(match[0]), text), _escaped)


def _escaped(sign: str) -> str:
    return f"\\u{ord(sign):04x}"


def print_result(output: str, data: Any, text: str) -> None:
    """Print a command's result.

    Args:
        output: ``text`` or ``json``.
        data: The result as plain data.
        text: The result for a person.
    """
    if output == "json":
        say(to_json(data))
    elif text:
        say(text)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Lay out rows in columns."""
    widths = [max(len(str(row[column])) for row in [header, *rows]) for column in range(len(header))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def wants_json(arguments: Sequence[str]) -> bool:
    """Say whether the arguments ask for JSON: needed for errors that come before they are parsed."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(argument == "--output=json" or (argument == "--output" and value == "json") for argument, value in pairs)


def print_error(error: MlemError, *, as_json: bool, subject: str = "") -> None:
    """Print an error for a person on stderr and, where JSON was asked for, as JSON on stdout.

    In GitHub Actions it is an annotation too.

    Args:
        error: The error.
        as_json: Whether JSON was asked for.
        subject: What it is about, where a command works on several things.
    """
    label = f"error[{error.code}]"
    if not os.environ.get("NO_COLOR"):  # Source: https://no-color.org (read 2026-11)
        label = click.style(label, fg="red", bold=True)
    say(f": {subject}: {error.message}" if subject else f": {error.message}", err=True, label=label)
    if error.known:
        say(f"known: {', '.join(error.known)}", err=True)
    if error.hint:
        say(f"hint: {error.hint}", err=True)
    lines = [error.message, error.known and f"known: {', '.join(error.known)}", error.hint and f"hint: {error.hint}"]
    title = ": ".join(filter(None, ["mlem", subject, error.code]))
    annotate("error", title, "\n".join(line for line in lines if line))
    if as_json:
        say(to_json({"error": error_data(error)}))


def error_data(error: MlemError) -> Mapping[str, Any]:
    """Return an error as plain data."""
    return {
        "code": error.code,
        "message": error.message,
        "known": list(error.known),
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
