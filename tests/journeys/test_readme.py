"""What the README says happens."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from mlem.cli.main import COMMANDS
from mlem_model.errors import MlemError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def readme_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tools" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["readme"] = module
    spec.loader.exec_module(module)
    return module


def test_the_first_page_works_as_typed(readme_tool: ModuleType, tmp_path: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    commands = []
    outputs = {}
    for item in readme_tool.parse((ROOT / "README.md").read_text()):
        if isinstance(item, readme_tool.File):
            (tmp_path / item.name).write_text(item.text)
            continue
        done = subprocess.run(
            ["bash", "-c", item.line], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{item.line}\n{done.stdout}{done.stderr}"
        commands.append(item.line)
        outputs[item.line] = done.stdout
    assert len(commands) < 10
    assert outputs["mlem deployment status iris-app"] == "running\n"
    assert outputs["mlem deployment apply iris-app new.csv"] == "[2, 1, 0, 2, 0]\n"
    assert outputs["python ask.py"] == "[2 1 0 2 0]\n"


def test_the_tutorial_for_teams_works_as_typed(
    readme_tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
    folder = tmp_path / "team"
    folder.mkdir()
    outputs = {}
    for item in readme_tool.parse((ROOT / "docs" / "team.md").read_text()):
        if isinstance(item, readme_tool.File):
            (folder / item.name).write_text(item.text)
            continue
        done = subprocess.run(["bash", "-c", item.line], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{item.line}\n{done.stdout}{done.stderr}"
        outputs[item.line] = done.stdout + done.stderr
    said = {command.partition("mlem deployment ")[2].strip(): text for command, text in outputs.items()}
    assert "staging</code>" in said["plan --all --overlay staging --output markdown"]
    assert "shop@prod is running" in said["promote shop@staging shop@prod"]
    assert (
        "older" in said["run --load shop@prod; test $? -eq 4"]
        or "rolled back" in said["run --load shop@prod; test $? -eq 4"]
    )
    assert "release 1" in said['rollback shop@prod --message "too cold"']
    assert "nothing to remove" in said["gc --dry-run"]
    assert "shop@staging is removed: its declaration was deleted" in said["gc"]
    assert "too cold" in said["audit shop@prod"]
    assert said["remove pr-17 shop@prod"].startswith(("pr-17 is removed", "pr-17: "))


def test_the_curl_line_that_run_prints_answers(readme_tool: ModuleType, project) -> None:
    ran = project.run("local", "app", "iris")
    line = next(line.removeprefix("try: ") for line in ran.stdout.splitlines() if line.startswith("try: "))
    assert subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.strip() == "[0]"


def test_the_readme_lists_every_exit_code() -> None:
    table = re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    errors = {MlemError}
    for _ in range(3):
        errors |= {child for cls in errors for child in cls.__subclasses__()}
    codes = {cls.exit_code for cls in errors}
    assert codes - {int(code) for code in table} == set()


def test_every_command_that_the_readme_shows_exists() -> None:
    shown = set(re.findall(r"^\$ mlem (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert shown - set(COMMANDS) == set()
