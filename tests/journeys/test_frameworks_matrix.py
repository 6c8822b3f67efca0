"""The matrix of frameworks: its page has what its script found, and the script says what fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from framework_matrix import page, row
from framework_matrix.kinds import KINDS

SCRIPT = Path(__file__).parents[2] / "tools" / "frameworks.py"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_has_the_rows_and_columns_of_the_script() -> None:
    rows = row.read()
    assert page.FILE.read_text(encoding="utf-8") == page.page(page.merged(KINDS, rows, {}))
    assert list(rows) == list(KINDS), "a kind was added: nox -s matrix -- --only NAME"
    lines = page.FILE.read_text(encoding="utf-8").split("\n\n")[2].splitlines()
    assert cells(lines[0]) == list(page.HEADER)
    assert [cells(line)[0] for line in lines[2:]] == list(KINDS)


def test_no_row_of_the_page_has_failed_or_was_left_out() -> None:
    assert {one.name: one.failed for one in row.read().values() if one.failed} == {}
    assert {one.name: list(one.cells) for one in row.read().values() if list(one.cells) != list(row.COLUMNS)} == {}


def test_a_row_is_tried_and_says_what_the_page_says() -> None:
    before = row.FILE.read_bytes()
    done = run("--only", "function", "--without-docker")
    assert done.returncode == 0, done.stderr
    header, _, line = done.stdout.splitlines()
    assert cells(header) == list(page.HEADER)
    found, known = dict(zip(page.HEADER, cells(line), strict=True)), row.read()["function"]
    same = ("save", "local", "JSON", "binary", "safe load", "joined calls")
    assert {name: found[name] for name in same} == {name: known.cells[name] for name in same}
    assert row.FILE.read_bytes() == before


def test_a_row_that_fails_has_the_word_of_its_error() -> None:
    done = run("--only", "function", "--without-docker", MLEM_CORE__TRUST__FORMATS="skops")
    assert done.returncode == 1
    assert cells(done.stdout.splitlines()[-1])[4] == "untrusted-format"
    assert re.search(r"^function, local: .* the model is saved as pickle, which is not trusted here", done.stderr, re.M)


def test_a_row_that_does_not_exist_is_named() -> None:
    done = run("--only", "nimbus")
    assert done.returncode == 2
    assert "no row has that in its name; there are: function, scikit-learn" in done.stderr
