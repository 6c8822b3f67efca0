"""A plugin imports from `mlem`, `mlem.provider` and, in its tests, `mlem.testing`.

Of other plugins, what they say is public.
"""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("mlem", "mlem.provider")
FOR_TESTS = (*DOORS, "mlem.testing")
PLUGINS = sorted(
    path
    for path in ROOT.glob("packages/*/src/*")
    if path.is_dir() and path.name not in ("mlem", "mlem_model", "mlem_server")
)
EXAMPLES = sorted(path for path in ROOT.glob("examples/*/src/*") if path.is_dir())
PAGES = [
    ROOT / "docs/how-to/write-a-provider.md",
    ROOT / "docs/how-to/write-a-model-type.md",
    ROOT / "docs/explanation/locks.md",
    *ROOT.glob("examples/*/README.md"),
]

# The supervisor is the server's own way to watch a process, in a process of its own.
OF_THE_SERVER = {
    ("mlem_provider_local", name)
    for name in (
        *(
            "mlem_server.process.backoff.Backoff",
            "mlem_server.process.exit_codes.PERMANENT_FAILURES",
            "mlem_server.process.exit_codes.exit_code",
            "mlem_server.process.exit_codes.describe_exit",
        ),
        *("mlem_server.telemetry.logs.configure_logs", "mlem_server.http.sockets.syn_filter.drop_new_connections"),
        *("mlem_server.process.signals.Signals", "mlem_server.process.signals.reap_children"),
    )
}


def names_of_ours(code: str) -> Iterator[str]:
    """Yield the full name of everything of ours that a module imports or reads, wherever in it.

    `mlem.provider.ready`.
    """
    tree = ast.parse(code)
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            imported.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            imported.update({alias.asname: alias.name for alias in node.names if alias.asname})
            imported.update(
                {root: root for alias in node.names if not alias.asname for root in [alias.name.partition(".")[0]]}
            )
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            yield f"{imported[node.value.id]}.{node.attr}"


def _called(node: ast.Call) -> str:
    return (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )


def behind_the_doors(code: str, package: str, doors: tuple[str, ...] = DOORS) -> list[str]:
    """Return what of ours a module of a package uses that is not public.

    Args:
        code: The module.
        package: The package that it is in.
        doors: What of the core it may import from.
    """
    used = {name for name in names_of_ours(code) if re.match(r"mlem(_\w+)?(\.|$)", name)}
    return sorted(
        name for name in used if not _is_public(name, package, doors) and (package, name) not in OF_THE_SERVER
    )


def _is_public(name: str, package: str, doors: tuple[str, ...]) -> bool:
    home, (module, _, attribute) = name.partition(".")[0], name.rpartition(".")
    if home == package or name in doors:
        return True
    if home == "mlem":
        inside = any(
            name.startswith(f"{door}.{public}.") for door in doors for public in _public(door)
        )  # mlem.Context.name
        return inside or (module in doors and attribute in _public(module))
    if home in ("mlem_model", "mlem_server"):
        return False
    inside = any(name.startswith(f"{home}.{public}.") for public in _public(home))  # mlem_image.Recipe.of
    return inside or name == home or (module == home and attribute in _public(home))


def _public(module: str) -> frozenset[str]:
    return frozenset(importlib.import_module(module).__all__)


TESTS_OF_EXAMPLES = {
    "mlem_provider_folder": "tests/examples/test_folder_provider.py",
    "mlem_plane": "tests/examples/test_plane.py",
    "mlem_state_cumulus": "examples/mlem-state-cumulus/tests/test_conformance.py",
    "mlem_provider_nimbus": "examples/mlem-provider-nimbus/tests/test_conformance.py",
}


def found_in(folders: Mapping[str, list[Path]], doors: tuple[str, ...] = DOORS) -> dict[str, list[str]]:
    """Return what modules use that is not public, by their paths; ``folders`` are those of each package."""
    found = {}
    for package, paths in folders.items():
        for path in (module for folder in paths for module in sorted(folder.rglob("*.py"))):
            found[str(path)] = behind_the_doors(path.read_text(encoding="utf-8"), package, doors)
    assert found
    return {path: names for path, names in found.items() if names}


def test_plugins_import_from_the_doors_alone() -> None:
    assert len(PLUGINS) > 4
    assert found_in({path.name: [path] for path in PLUGINS}) == {}


def test_the_examples_and_their_tests_import_from_the_doors_alone() -> None:
    assert found_in({path.name: [path] for path in EXAMPLES}) == {}
    assert {path.name for path in EXAMPLES} == {*TESTS_OF_EXAMPLES}
    for package, name in TESTS_OF_EXAMPLES.items():
        assert behind_the_doors((ROOT / name).read_text("utf-8"), package, FOR_TESTS) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_for_authors_of_plugins_show_the_doors_alone(page: Path) -> None:
    blocks = re.findall(r"^```python[^\n]*\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    example = next((one for one in TESTS_OF_EXAMPLES if one in page.read_text("utf-8")), "mlem_provider_folder")
    assert [name for block in blocks for name in behind_the_doors(textwrap.dedent(block), example, FOR_TESTS)] == []


def test_a_module_that_goes_behind_a_door_is_named(tmp_path: Path) -> None:
    inner = tmp_path / "steps" / "server.py"
    inner.parent.mkdir()
    inner.write_text("def apply():\n    from mlem.deployments.execution.engine import Lock\n")
    (tmp_path / "plugin.py").write_text("from mlem import hookimpl\n")
    assert found_in({"mlem_provider_other": [tmp_path]}) == {str(inner): ["mlem.deployments.execution.engine.Lock"]}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from mlem_model.errors import UserError", ["mlem_model.errors.UserError"]),
        ("import mlem.deployments.execution.engine", ["mlem.deployments.execution.engine"]),
        (
            "import mlem.deployments.execution.engine as e\ne.run()",
            ["mlem.deployments.execution.engine", "mlem.deployments.execution.engine.run"],
        ),
        ("from mlem import engine", ["mlem.engine"]),
        ("from mlem import *", ["mlem.*"]),
        ("import mlem\nmlem.engine.run()", ["mlem.engine"]),
        ("import mlem as m\nm.protection", ["mlem.protection"]),
        ("from mlem.provider import Cache", ["mlem.provider.Cache"]),
        ("import mlem.provider\nmlem.plugins", ["mlem.plugins"]),
        ("def f():\n    from mlem.clients.http import HttpClient", ["mlem.clients.http.HttpClient"]),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mlem.state.state import State",
            ["mlem.state.state.State"],
        ),
        ("try:\n    pass\nexcept ImportError:\n    from mlem.api import load", ["mlem.api.load"]),
        ("import importlib\nimportlib.import_module('mlem.state.locks.lease')", ["mlem.state.locks.lease"]),
        ("__import__('mlem.state.locks.lease')", ["mlem.state.locks.lease"]),
        ("from mlem.testing import Project", ["mlem.testing.Project"]),
        ("from mlem_provider_docker.images.image import build", ["mlem_provider_docker.images.image.build"]),
        ("from mlem_provider_docker import wheels", ["mlem_provider_docker.wheels"]),
        ("import mlem_server", ["mlem_server"]),
        ("from mlem_server.process.signals import Signals", ["mlem_server.process.signals.Signals"]),
    ],
)
def test_what_is_not_public_is_found_wherever_it_is_imported(code: str, found: list[str]) -> None:
    assert behind_the_doors(code, "mlem_provider_other") == found


def test_what_is_public_is_let_through() -> None:
    code = """
    import os
    import mlem
    import mlem.provider
    import mlem_provider_docker
    from mlem import Change, Context, provider
    from mlem.provider import ready
    from mlem_provider_docker import Engine
    from mlem_provider_other.names import app
    print(mlem.__version__, mlem.Context.name, Context.name, provider.ready, mlem.provider.ready, os.environ)
    """
    assert behind_the_doors(textwrap.dedent(code), "mlem_provider_other") == []
    assert behind_the_doors("from mlem.testing import Project", "mlem_provider_other", FOR_TESTS) == []
    assert behind_the_doors("from mlem_server.process.signals import Signals", "mlem_provider_local") == []
