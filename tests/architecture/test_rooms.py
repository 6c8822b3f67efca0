"""The contracts on the server's rooms say no to what they forbid: each is shown a tree with one import too many."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "packages" / "server" / "src" / "mlem_server"
SCRIPT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"


def broken(tree: Path, contracts: tuple[str, ...]) -> str:
    """Check a tree against contracts of the workspace; return what is said of it, nothing if all is well."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    chosen = [contract for contract in linter["contracts"] if contract["id"] in contracts]
    assert len(chosen) == len(contracts)
    lines = ["[tool.importlinter]", 'root_packages = ["mlem_server"]', "exclude_type_checking_imports = true"]
    for contract in chosen:
        lines += ["[[tool.importlinter.contracts]]", *(f"{key} = {json.dumps(value)}" for key, value in contract.items())]
    (tree / "contracts.toml").write_text("\n".join(lines))
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", SCRIPT, "contracts.toml"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(SERVER, tmp_path / "mlem_server", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_rooms_are_in_order(tree: Path) -> None:
    assert broken(tree, ("server-layers", "server-acyclic")) == ""


def test_a_room_that_imports_one_above_it_is_found(tree: Path) -> None:
    with open(tree / "mlem_server" / "http" / "head.py", "a") as file:
        file.write("\nfrom mlem_server.inference.readiness import READY\n")
    assert "mlem_server.http is not allowed to import mlem_server.inference" in broken(tree, ("server-layers",))


def test_a_module_without_a_room_is_found(tree: Path) -> None:
    (tree / "mlem_server" / "more.py").write_text("")
    assert "mlem_server.more" in broken(tree, ("server-layers",))


def test_a_cycle_inside_a_room_is_found(tree: Path) -> None:
    with open(tree / "mlem_server" / "http" / "errors.py", "a") as file:
        file.write("\nfrom mlem_server.http.request import Request\n")
    assert "No cycle in the server, between rooms or inside one BROKEN" in broken(tree, ("server-acyclic",))
