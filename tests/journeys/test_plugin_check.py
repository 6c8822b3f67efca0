"""`mlem plugin check`: which standard tests a plugin joins, and what they show."""

from __future__ import annotations

import json
from pathlib import Path

from mlem.testing import Project

PACKAGING = """
from mlem.testing import PackagingSuite

class TestPackaging(PackagingSuite):
    distribution = "{distribution}"

def test_of_its_own():
    pass
"""
DECLARATION = """
from mlem.testing import DeclarationSuite

class TestDeclaration(DeclarationSuite):
    type = "local_process"
    lacks = {"changed_fields": "not here", "wrong_credentials": "it has none"}

    def running(self, lineage): return []
    def leftovers(self, lineage): return []
    def kill(self, handle): pass
"""


def test_a_card_says_what_passed_and_makes_a_badge(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PACKAGING.format(distribution="mlem-provider-local"))
    done = Project(tmp_path).mlem("plugin", "check", ".", "--badge", "badge.json", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    card = json.loads(done.stdout)
    assert (card["failed"], card["missing"]) == (0, [])
    assert {one["suite"] for one in card["tests"].values()} == {"PackagingSuite"}
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert (badge["message"], badge["color"]) == (f"{card['passed']} of {card['passed']}", "brightgreen")


def test_what_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PACKAGING.format(distribution="pytest"))  # no plugin of ours
    done = Project(tmp_path).mlem("plugin", "check")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "failed: TestPackaging::" in done.stdout


def test_suites_that_a_provider_does_not_join_are_missing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(DECLARATION)
    done = Project(tmp_path).mlem("plugin", "check", ".")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "not joined: CrashSafetySuite, EveryDaySuite" in done.stdout


def test_a_folder_without_standard_tests_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_nothing(): pass\n")
    done = Project(tmp_path).mlem("plugin", "check", ".")
    assert (done.returncode, "error[not-a-plugin]" in done.stderr) == (3, True), done.stderr
    gone = Project(tmp_path).mlem("plugin", "check", "nowhere")
    assert gone.returncode == 3, gone.stderr
