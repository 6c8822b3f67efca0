"""The reference of public names: for each its first sentence, and an example, which is the body of a test.

An example is a test in `tests/core/public_names` that is named after a name: `test_Step_makes_one_resource`. It is
shown with the imports and the classes of its module that it uses, so that it stands alone.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

DOORS = ("mlem", "mlem.provider")
EXAMPLES = Path(__file__).parents[1] / "tests" / "core" / "public_names"


def names_of(door: str) -> list[str]:
    """Return the public names of a door, in the order of the alphabet."""
    return sorted(importlib.import_module(door).__all__, key=lambda name: (name.lower(), name))


def summary(door: str, name: str) -> str:
    """Return the first sentence of what a name's docstring says; empty where it has none."""
    found = importlib.import_module(door)
    if name == "__version__":
        return "The version of mlem-core that is installed."
    home, value = importlib.import_module(found._HOMES[name]), getattr(found, name)
    text = inspect.getdoc(value) if inspect.isclass(value) or inspect.isfunction(value) else _beside(home, name)
    return " ".join((text or "").partition("\n\n")[0].split())


def _beside(module: ModuleType, name: str) -> str | None:
    """Return the text that follows where a module sets a name."""
    body = ast.parse(inspect.getsource(module)).body
    for statement, after in itertools.pairwise(body):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if not any(isinstance(target, ast.Name) and target.id == name for target in targets):
                continue
            text = after.value if isinstance(after, ast.Expr) else None
            return str(text.value) if isinstance(text, ast.Constant) else None
    return None


def call_of(door: str, name: str) -> str:
    """Return a name as a heading has it: a function with its parameters."""
    value = getattr(importlib.import_module(door), name)
    if not inspect.isfunction(value):
        return name
    return (
        f"{name}{inspect.Signature([_bare(parameter) for parameter in inspect.signature(value).parameters.values()])}"
    )


class _Some:
    """A default that is not a literal."""

    def __repr__(self) -> str:
        return "..."


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    literal = default is inspect.Parameter.empty or isinstance(default, str | int | float | bool | tuple | None)
    return parameter.replace(annotation=inspect.Parameter.empty, default=default if literal else _Some())


def examples() -> dict[str, list[str]]:
    """Return the examples of each name, as code.

    Raises:
        LookupError: A test is named after no public name.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(EXAMPLES.glob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for test in module.body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                found.setdefault(_owner(test.name), []).append(
                    _shown(path.read_text(encoding="utf-8").splitlines(), module, test)
                )
    return found


def _owner(test: str) -> str:
    rest = test.removeprefix("test_")
    known = [name for door in DOORS for name in names_of(door) if rest == name or rest.startswith(f"{name}_")]
    if not known:
        raise LookupError(f"{test}: no public name begins it")
    return max(known, key=len)


def _shown(lines: list[str], module: ast.Module, test: ast.FunctionDef) -> str:
    """Return the body of a test, after the imports and the classes of the module that it uses.

    The class of another name is but named.
    """
    parts: list[str] = []
    needed, owner = _used(test), _owner(test.name)
    for one in reversed(module.body):
        if isinstance(one, ast.ClassDef) and one.name in needed:
            base = ast.unparse(one.bases[0])
            if base == owner:
                parts.insert(0, _source(lines, one, one))
                needed |= _used(one)
            else:
                parts.insert(0, f"# {one.name}: see the example of {base}")
    parts.append(_source(lines, test.body[0], test))
    return "\n\n".join(["\n".join(_imports(module, needed)), *parts]).strip()


def _used(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _source(lines: list[str], first: ast.stmt, last: ast.stmt) -> str:
    return textwrap.dedent("\n".join(lines[first.lineno - 1 : last.end_lineno]))


def _imports(module: ast.Module, needed: set[str]) -> Iterator[str]:
    for one in module.body:
        if isinstance(one, ast.Import | ast.ImportFrom):
            kept = [alias for alias in one.names if (alias.asname or alias.name) in needed]
            if kept:
                yield ast.unparse(
                    ast.Import(kept) if isinstance(one, ast.Import) else ast.ImportFrom(one.module, kept, one.level)
                )
