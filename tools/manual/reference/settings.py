"""The pages about settings of a project, and about environment variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from manual.reference.sources import cell, literal, package_of, trees
from manual.reference.variables import MEANINGS, OF_OTHERS
from mlem.project.config import Config
from mlem_model.objects.fields import describe_fields
from mlem_model.plugins.registry import registry

SETTINGS = """# Settings

A project's settings are in `.mlem.yaml`; `mlem config set KEY VALUE` writes one once it fits, `mlem config list
--origin` shows all with where each comes from. The variable of a setting wins over the file: `core.state.uri` is
`MLEM_CORE__STATE__URI`.

| key | type | default | meaning |
|---|---|---|---|
"""
STATES = """
## Below `core.state`

What keeps states follows from the scheme of `core.state.uri`, and its fields are settings, too. They count once
there is a URI that leads to it; a field that it does not have is an error then.

| kept by | key | default | meaning |
|---|---|---|---|
"""
VARIABLES = """# Environment variables

Every variable that the code reads by its name. Settings of a project have variables of their own, [see
there](settings.md), and options of the server too: `MLEM_SERVER_` and the option's name.

| variable | read by | meaning |
|---|---|---|
"""
_NAME = re.compile(r"_?[A-Z][A-Z0-9]+(_+[A-Z0-9]+)*")
_ENVIRONMENT = re.compile(r"env|variables")
_KEPT = re.compile(r"VARIABLE|_PROXIES|_OTHERS")


def settings_page() -> str:
    """Return the page about settings."""
    rows = [
        f"| `{field.name}` | {cell(field.type)} | {_default(field.default)} | {cell(field.help)} |\n"
        for field in describe_fields(Config)
    ]
    kept = [
        f"| `{cls.type}` | `core.state.{field.name}` | {_default(field.default)} | {cell(field.help)} |\n"
        for cls in registry().all("state_manager").values()
        for field in describe_fields(cls)
        if field.name != "uri"
    ]
    return SETTINGS + "".join(rows) + STATES + "".join(kept)


def _default(default: object) -> str:
    return "" if default in (None, "", {}, [], ()) else f"`{default}`"


def variables_page() -> str:
    """Return the page about environment variables.

    Raises:
        LookupError: The code reads one whose meaning is not written down, or none reads one that is.
    """
    found = variables()
    unknown, gone = found.keys() - MEANINGS.keys() - OF_OTHERS.keys(), MEANINGS.keys() - found.keys()
    if unknown or gone:
        raise LookupError(f"tools/manual/variables.py: not described {sorted(unknown)}, read by nobody {sorted(gone)}")
    rows = [f"| `{name}` | {', '.join(sorted(found[name]))} | {MEANINGS[name]} |\n" for name in sorted(MEANINGS)]
    return VARIABLES + "".join(rows)


def variables() -> dict[str, set[str]]:
    """Return the distributions that read or set each environment variable, by its name."""
    found: dict[str, set[str]] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            for name in _named(node):
                if isinstance(name, str) and _NAME.fullmatch(name):
                    found.setdefault(name, set()).add(package_of(path))
    return found


def _named(node: ast.AST) -> Iterator[object]:
    """Yield what is looked up in an environment, kept as the name of a variable, or begins as ours do."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr in ("get", "getenv", "pop") and _ENVIRONMENT.search(ast.unparse(node.func.value)):
            yield literal(node.args[0])
    elif isinstance(node, ast.Subscript) and _ENVIRONMENT.search(ast.unparse(node.value)):
        yield literal(node.slice)
    elif isinstance(node, ast.Compare) and any("environ" in ast.unparse(one) for one in node.comparators):
        yield literal(node.left)
    elif isinstance(node, ast.Constant) and str(node.value).startswith(("MLEM_", "_MLEM_")):
        yield node.value
    elif isinstance(node, ast.Assign) and any(_KEPT.search(ast.unparse(target)) for target in node.targets):
        yield from (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
