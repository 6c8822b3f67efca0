"""Write `docs/reference/types.md`: every installed type with its fields, from the code."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mlem.fields import describe_fields
from mlem.plugins import KINDS, registry

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "types.md"


def page() -> str:
    """Return the page."""
    parts = ["# Types\n", "What is installed here; `mlem types KIND TYPE` shows the same on the command line.\n"]
    for kind in KINDS:
        parts.append(f"## {kind.replace('_', ' ')}\n")
        parts.extend(section(cls) for cls in registry().all(kind).values())
    return "\n".join(parts)


def section(cls: type[Any]) -> str:
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


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(page(), encoding="utf-8")
