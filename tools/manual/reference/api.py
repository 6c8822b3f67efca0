"""The page about `mlem.api`: each name with its parameters and what its docstring says."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from manual.reference.sources import cell

API = """# Python API

Every name of `mlem.api`. [Use it from Python](../how-to/python.md) shows how they go together.

"""
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):\n((?:[ ]{4}.*\n|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\*{0,2}\w+): ((?:.*\n)(?: {8}.*\n)*)", re.MULTILINE)


class _Dots:
    def __repr__(self) -> str:
        return "..."


_THREE = _Dots()


def api_page() -> str:
    """Return the page about the Python API."""
    api = importlib.import_module("mlem.api")
    functions, classes = list[str](), list[str]()
    for name in api.__all__:
        value = getattr(api, name)
        (functions if inspect.isfunction(value) else classes).append(_section(name, value))
    return f"{API}## Functions\n\n{''.join(functions)}## Classes\n\n{''.join(classes)}"


def _section(name: str, value: Any) -> str:
    text = inspect.getdoc(value) or ""
    call = f"{name}{_bare(value)}" if inspect.isfunction(value) else name
    parts = [f"### {name}\n\n", f"```text\n{call}\n```\n\n" if inspect.isfunction(value) else "", _described(text)]
    if inspect.isclass(value):
        parts += [_described_method(one, member) for one, member in _methods(value)]
    return "".join(parts)


def _bare(value: Any) -> str:
    signature = inspect.signature(value)
    bare = [
        one.replace(annotation=inspect.Parameter.empty, default=_shown(one.default))
        for one in signature.parameters.values()
    ]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _shown(default: Any) -> Any:
    return _THREE if callable(default) and default is not inspect.Parameter.empty else default


def _methods(kind: type[Any]) -> list[tuple[str, Any]]:
    found = [(name, member) for name, member in vars(kind).items() if inspect.isfunction(member) and member.__doc__]
    return [(name, member) for name, member in found if not name.startswith("_")]


def _described_method(name: str, member: Any) -> str:
    summary = (inspect.getdoc(member) or "").partition("\n\n")[0].replace("\n", " ")
    return f"- `{name}{_bare(member).replace('(self, ', '(').replace('(self)', '()')}`: {summary}\n"


def _described(text: str) -> str:
    """Return a docstring as Markdown: its sections are tables."""
    text += "\n"
    prose = _SECTION.sub("", text).strip().replace("``", "`")
    tables = []
    for section in _SECTION.finditer(text):
        entries = _ENTRY.findall(section[2])
        if entries and section[1] not in ("Returns", "Yields"):
            rows = "".join(f"| `{name}` | {cell(about.replace('``', '`'))} |\n" for name, about in entries)
            tables.append(f"| {section[1].lower()} | meaning |\n|---|---|\n{rows}\n")
        else:
            tables.append(f"{section[1]}: {cell(section[2].replace('``', '`'))}\n\n")
    return f"{prose}\n\n{''.join(tables)}"
