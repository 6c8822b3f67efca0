"""The pages about commands: ``mlem``, ``mlem-server`` and Heroku's simulator, each with its own help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mlem.cli.main import CONTEXT_SETTINGS, cli
from mlem_server.options import parser


def server_page() -> str:
    """Return the page about the options of the server."""
    return f"# mlem-server\n\n{SERVER}\n```text\n{parser().format_help()}```\n"


SERVER = """What each option does with the others is in [Serve a model](../how-to/serve.md#options). Exit codes are in
[Errors](errors.md#exit-codes).
"""


def commands_page() -> str:
    """Return the page about every command."""
    context = click.Context(cli, info_name="mlem", **CONTEXT_SETTINGS)
    return "\n".join(["# Commands\n", *command_sections(cli, context)])


def command_sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the help of a command and of those below it."""
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from command_sections(
                    child, click.Context(child, info_name=name, parent=context, **CONTEXT_SETTINGS)
                )
