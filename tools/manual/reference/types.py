"""The pages about installed types, and about what works on which platform."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from manual.pages import ROOT
from manual.reference.sources import cell
from mlem.deployments.deployment import CAPABILITIES
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.registry import KINDS, registry

PLATFORMS = """# Commands and platforms

What the engine does, it does on every platform: locks, plans, gates, releases, histories. What needs something of the
platform itself is a capability that its provider declares. Two of them work everywhere: where it says no, `promote` has
the image made again from the same model, and what has expired (`run --ttl`) goes on until `mlem deployment gc` removes
it.
"""


def types_page() -> str:
    """Return the page about every installed type."""
    parts = ["# Types\n", "What our packages bring; `mlem types KIND TYPE` shows the same on the command line.\n"]
    for kind in KINDS:
        parts.append(f"## {kind.replace('_', ' ')}\n")
        parts.extend(type_section(cls) for cls in registry().all(kind).values() if not _is_example(cls))
    return "\n".join(parts)


def _is_example(cls: type[Any]) -> bool:
    return (ROOT / "examples") in Path(inspect.getfile(cls)).parents


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
            lines.append(
                f"| `{field.name}` | {cell(field.type)} | {field.unit or ''} | {default} | {cell(field.help)} |"
            )
        lines.append("")
    return "\n".join(lines)


def platforms_page() -> str:
    """Return the page that says which command can do its work on which platform."""
    types = [cls for cls in registry().all("deployment").values() if not _is_example(cls)]
    types.sort(key=lambda cls: str(cls.type))
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
