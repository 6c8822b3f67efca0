"""The page about security promises what a test shows: each test that it names is there, and each promise names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mlem_server.options import parser
from mlem_server.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
TABLES = re.findall(r"(?m)^\|.*shown by \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_it_names_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_promise_names_a_test() -> None:
    rows = [row for table in TABLES for row in table.splitlines()]
    assert len(rows) > 30
    assert [row for row in rows if "::test_" not in row.split("|")[-2]] == []


def test_the_options_that_it_names_are_the_servers_and_have_the_defaults_that_it_says() -> None:
    settings = Settings()  # of the largest body where the options are not given
    sums = {"max_decoded_mib": settings.max_decoded_bytes / 2**20, "max_bodies_mib": settings.max_bodies_bytes / 2**20}
    defaults = vars(parser().parse_args([])) | sums
    named = {
        (word.replace("-", "_"), said)
        for word, said in re.findall(r"`--((?!drop)[a-z-]+)`(?: (\d+)\b(?! more))?", PAGE)
    }
    assert {word for word, _ in named} <= {*defaults}
    assert {(word, float(said)) for word, said in named if said} == {
        (word, float(defaults[word])) for word, said in named if said
    }
