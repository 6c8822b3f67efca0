"""What the code of the packages says of itself, without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from manual.pages import ROOT


@cache
def trees(package: str = "*") -> tuple[tuple[Path, ast.Module], ...]:
    """Return the modules of a package, or of all, with their paths; the tests that plugins are given are left out."""
    paths = sorted(ROOT.glob(f"packages/{package}/src/**/*.py"))
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths if "testing" not in path.parts)


def calls_in(package: str = "*") -> Iterator[ast.Call]:
    """Yield every call."""
    for _, tree in trees(package):
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def package_of(path: Path) -> str:
    """Return the distribution that a module belongs to."""
    return f"mlem-{path.relative_to(ROOT / 'packages').parts[0]}"


def literal(node: ast.expr | None) -> object:
    """Return a value that is written down, or None."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None


def text(node: ast.expr | None) -> str:
    """Return a text as a reader will see it: what is put in when it is made is three dots."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) if isinstance(part, ast.Constant) else "..." for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    if isinstance(node, ast.IfExp):
        return text(node.body) or text(node.orelse)
    return "..." if node is not None and literal(node) is None and not isinstance(node, ast.Constant) else ""


def quoted(name: object) -> str:
    """Return a name as code."""
    return f"`{name}`"


def cell(said: str) -> str:
    """Return a text for the cell of a table, where only what is in backquotes is Markdown."""
    parts = " ".join(said.replace("|", "\\|").split()).split("`")
    parts[::2] = [re.sub(r"([\[\]*_<])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
