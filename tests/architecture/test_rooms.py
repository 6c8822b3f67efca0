"""The contracts on rooms say no to what they forbid: each is shown a tree with one import too many."""

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
TREES = {path.name: path for path in ROOT.glob("packages/*/src/*") if path.is_dir()}
SCRIPT = (
    "import sys; from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"
)


def broken(tree: Path, contracts: tuple[str, ...]) -> str:
    """Check a folder with copies of packages against contracts of the workspace.

    Return what is said of it, nothing if all is well.
    """
    packages = sorted(path.name for path in tree.iterdir() if path.is_dir())
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    chosen = [contract for contract in linter["contracts"] if contract["id"] in contracts]
    assert len(chosen) == len(contracts)
    lines = ["[tool.importlinter]", f"root_packages = {json.dumps(packages)}", "exclude_type_checking_imports = true"]
    for contract in chosen:
        if "ancestors" in contract:
            contract = {**contract, "ancestors": packages}
        lines += [
            "[[tool.importlinter.contracts]]",
            *(f"{key} = {json.dumps(value)}" for key, value in contract.items()),
        ]
    (tree / "contracts.toml").write_text("\n".join(lines))
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", SCRIPT, "contracts.toml"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied("mlem_server", tmp_path)


def copied(package: str, folder: Path) -> Path:
    shutil.copytree(TREES[package], folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_rooms_are_in_order(tree: Path) -> None:
    assert broken(tree, ("server-layers", "acyclic")) == ""


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
    assert "No cycle in any package, between rooms or inside one BROKEN" in broken(tree, ("acyclic",))


@pytest.mark.parametrize(
    ("package", "contract", "module", "line", "said"),
    [
        (
            "mlem_model",
            "rooms-of-the-model",
            "objects/files.py",
            "from mlem_model.models.saving import save",
            "mlem_model.objects is not allowed",
        ),
        (
            "mlem_model",
            "rooms-of-data",
            "data/csv/text.py",
            "import mlem_model.data.dataset",
            "mlem_model.data.csv is not allowed",
        ),
        (
            "mlem",
            "rooms-of-the-core",
            "state/state.py",
            "import mlem.deployments.execution.engine",
            "mlem.state is not allowed",
        ),
        ("mlem", "rooms-of-the-core", "more.py", "", "mlem.more"),
        (
            "mlem_heroku_simulator",
            "rooms-of-the-simulator",
            "dynos/one_off.py",
            "import mlem_heroku_simulator.api.answer",
            "mlem_heroku_simulator.dynos is not allowed",
        ),
        (
            "mlem",
            "acyclic",
            "clients/connection/deadline.py",
            "import mlem.clients.http",
            "No cycles are allowed in mlem.clients",
        ),
    ],
)
def test_the_rooms_of_the_other_packages_are_kept(
    tmp_path: Path, package: str, contract: str, module: str, line: str, said: str
) -> None:
    copied(package, tmp_path)
    assert broken(tmp_path, (contract,)) == ""
    with open(tmp_path / package / module, "a") as file:
        file.write(f"\n{line}\n")
    assert said in broken(tmp_path, (contract,))
