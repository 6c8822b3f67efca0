"""Write the reference pages in `docs/reference` from the code: types, platforms, commands, names for plugins."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import public_names
from pydantic import BaseModel

from mlem.cli.main import CONTEXT_SETTINGS, cli
from mlem.deployments.deployment import CAPABILITIES
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.registry import KINDS, registry

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
            default = (
                "required" if field.required else "" if field.default in (None, {}, [], ()) else f"`{field.default}`"
            )
            lines.append(f"| `{field.name}` | {field.type} | {field.unit or ''} | {default} | {field.help} |")
        lines.append("")
    return "\n".join(lines)


def platforms_page() -> str:
    """Return the page that says which command can do its work on which platform."""
    types = sorted(registry().all("deployment").values(), key=lambda cls: cls.type)
    needs = {command: word for word, (commands, _) in CAPABILITIES.items() for command in commands.split(", ")}
    group = importlib.import_module("mlem.cli.deployment.group").COMMANDS
    lines = [
        PLATFORMS,
        "| command | " + " | ".join(f"`{cls.type}`" for cls in types) + " |",
        "|---" * (len(types) + 1) + "|",
    ]
    with_options = {command: [each for each in needs if each.startswith(f"{command} ")] for command in group}
    for command in (each for name in group for each in (name, *with_options[name])):
        word = needs.get(command, "")
        cells = ["yes" if not word or word in cls.capabilities else "no" for cls in types]
        lines.append(f"| `mlem deployment {command}` | " + " | ".join(cells) + " |")
    lines += ["", "| capability | meaning |", "|---|---|"]
    lines += [f"| `{word}` | {meaning} |" for word, (_, meaning) in CAPABILITIES.items()]
    return "\n".join(lines) + "\n"


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


PLATFORMS = """# Commands and platforms

What the engine does, it does on every platform: locks, plans, gates, releases, histories. What needs something of the
platform itself is a capability that its provider declares. Two of them work everywhere: where it says no, `promote` has
the image made again from the same model, and what has expired (`run --ttl`) goes on until `mlem deployment gc` removes
it.
"""
PARAGRAPH = "\n\n"
PLUGINS = """# Names for plugins

What a plugin imports of ours: contracts from `mlem`, helpers from `mlem.provider`, and nothing else; its tests also use
`mlem.testing`. [Write a provider](../how-to/write-a-provider.md) shows how they go together.

Every example is a test of this project. Some begin with something that already exists: `ctx` is the context of a run of
a deployment `app`, whose model is a saved function `predict` that doubles numbers; `tmp_path` is an empty folder;
`monkeypatch` sets environment variables.
"""


KIT = """## mlem.testing

The suites of the conformance kit; what the fixtures of each are is in the class's docstring.
"""


def kit_section() -> str:
    """Return the suites of the kit, read from its modules: to import them takes pytest."""
    spec = importlib.util.find_spec("mlem")
    lines = [
        f"- `{node.name}`: {(ast.get_docstring(node) or '').partition(PARAGRAPH)[0]}"
        for folder in (spec.submodule_search_locations if spec else None) or ()
        for path in sorted(Path(folder, "testing").rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Suite") and node.name != "Suite"
    ]
    return "\n".join([KIT, *sorted(lines), ""])


def plugins_page() -> str:
    """Return the page about the names that plugins import."""
    shown, parts = public_names.examples(), [PLUGINS]
    for door in public_names.DOORS:
        about = inspect.getdoc(importlib.import_module(door)) or ""
        parts.append(f"## {door}\n\n{about.partition(PARAGRAPH)[2]}\n")
        for name in public_names.names_of(door):
            parts.append(f"### `{public_names.call_of(door, name)}`\n\n{public_names.summary(door, name)}\n")
            parts += [f"```python\n{code}\n```\n" for code in shown[name]]
    return "\n".join([*parts, kit_section()])


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "types.md").write_text(types_page(), encoding="utf-8")
    (FOLDER / "platforms.md").write_text(platforms_page(), encoding="utf-8")
    (FOLDER / "commands.md").write_text(commands_page(), encoding="utf-8")
    (FOLDER / "plugins.md").write_text(plugins_page(), encoding="utf-8")
