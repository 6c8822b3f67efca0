"""An interrupt ends a command with its exit code, wherever it arrives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = """
import click
from mlem.cli.main import COMMANDS, main

@click.command()
def build_a_class() -> None:
    exec("raise KeyboardInterrupt")  # as if it came while a dataclass is made, which is done from text

COMMANDS["build_a_class"] = ("interrupted:build_a_class", "Make a class.")
if __name__ == "__main__":
    main(["build_a_class"])
"""


def test_an_interrupt_while_a_class_is_made_from_text_ends_by_130_and_not_by_the_signal(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(COMMAND)
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "interrupted: what was done is on record" in done.stderr) == (130, True), done
