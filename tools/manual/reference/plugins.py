"""The pages about what plugins have: the names that they import, and the hooks that they implement."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from pathlib import Path

import public_names

PARAGRAPH = "\n\n"
PLUGINS = """# Names for plugins

What a plugin imports of ours: contracts from `mlem`, helpers from `mlem.provider`, and nothing else; its tests
also use `mlem.testing`. [Write a provider](../how-to/write-a-provider.md) shows how they go together.

Every example is a test of this project. Some begin with something that already exists: `ctx` is the context of a
run of a deployment `app`, whose model is a saved function `predict` that doubles numbers; `tmp_path` is an empty
folder; `monkeypatch` sets environment variables. """


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


HOOKS = """# Hooks for plugins

A plugin is a module that a distribution names as an entry point in the group `mlem`. It implements some of these
functions, each marked with `@hookimpl`, and says with `api_version = 1` which version of them it was written for.
Each returns classes, and imports them when it is called.

These are hooks of plugins. Commands of a project that a run calls are in
[Operate as a team](../how-to/operate.md#hooks).

| hook | returns | is called |
|---|---|---|
"""


def hooks_page() -> str:
    """Return the page about the functions that a plugin may have."""
    lines = []
    for module in ("mlem.hookspecs", "mlem_model.hookspecs"):
        for name, function in inspect.getmembers(importlib.import_module(module), inspect.isfunction):
            if name.startswith("mlem_"):
                text = " ".join((inspect.getdoc(function) or "").split())
                returns, _, called = text.replace("; called", ". Called", 1).partition(" Called ")
                kind = str(inspect.signature(function).return_annotation)
                lines.append(
                    f"| `{name}` | {returns.rstrip('.').removeprefix('Return ')}: `{kind}` | {called.rstrip('.')} |"
                )
    return HOOKS + "\n".join(lines) + "\n"
