"""`mlem demo`: one command that shows what mlem does, with nothing but mlem installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mlem.testing import Project


def test_one_command_shows_a_model_that_answers(tmp_path: Path) -> None:
    here = Project(tmp_path)
    done = here.mlem("demo", "--output", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    inside = Project(tmp_path / "mlem-demo")
    try:
        assert said["answer"] == "virginica"
        assert inside.mlem("deployment", "status", "demo").stdout.splitlines()[0] == "running"
        script = inside.folder / "train.py"
        script.write_text(script.read_text().replace('"virginica"', '"blue flag"'))
        again = here.mlem("demo")  # what its owner has changed stays
        assert (again.returncode, "'blue flag'" in again.stdout) == (0, True), again.stderr
    finally:
        removed = inside.mlem("deployment", "remove", "demo")
    assert removed.returncode == 0, removed.stderr


def test_a_folder_with_files_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    done = Project(tmp_path).mlem("demo", "mine")
    assert (done.returncode, "error[exists]" in done.stderr) == (4, True), done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_script_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text("1 / 0\n")
    done = Project(tmp_path).mlem("demo", "mine")
    assert (done.returncode, "ZeroDivisionError" in done.stderr, "Traceback (most" in done.stderr.splitlines()[0]) == (
        2,
        True,
        False,
    )


def test_without_the_local_provider_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlem.cli", "demo"],
        env={**Project(tmp_path).variables, "MLEM_DISABLE_PLUGINS": "local"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "pip install mlem-provider-local" in done.stderr) == (3, True), done.stderr
    assert list(tmp_path.iterdir()) == []
