"""Write the reference pages from the code: `docs/reference/types.md` and `docs/reference/commands.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from mlem.cli.main import CONTEXT_SETTINGS, cli
from mlem.fields import describe_fields
from mlem.plugins import KINDS, registry

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def types_page() -> str:
    """Return the page about every installed type."""
    parts = ["# Types\n", "What is installed here; `mlem types KIND TYPE` shows the same on the command line.\n"]
    for kind in KINDS:
        parts.append(f"## {kind.replace('_', ' ')}\n")
        parts.extend(type_section(cls) for cls in registry().all(kind).values())
    return "\n".join(parts)


def type_section(cls: type[Any]) -> str:
    """Return the part of the page about one class."""
    text = inspect.getdoc(cls) or ""
    lines = [f"### {cls.type}\n", text.partition("\n\n")[0].replace("\n", " ") + "\n"]
    fields = list(describe_fields(cls)) if issubclass(cls, BaseModel) else []
    if fields:
        lines += ["| field | type | unit | default | meaning |", "|---|---|---|---|---|"]
        for field in fields:
            default = "required" if field.required else "" if field.default in (None, {}, [], ()) else f"`{field.default}`"
            lines.append(f"| `{field.name}` | {field.type} | {field.unit or ''} | {default} | {field.help} |")
        lines.append("")
    return "\n".join(lines)


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
                yield from command_sections(child, click.Context(child, info_name=name, parent=context, **CONTEXT_SETTINGS))


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "types.md").write_text(types_page(), encoding="utf-8")
    (FOLDER / "commands.md").write_text(commands_page(), encoding="utf-8")
