"""What the README names is there; its blocks are run with those of the other pages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mlem.cli.main import COMMANDS
from mlem_model.errors import MlemError

ROOT = Path(__file__).parents[2]


def test_the_curl_line_that_run_prints_answers(project) -> None:
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
