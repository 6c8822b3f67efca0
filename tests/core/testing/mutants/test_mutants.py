"""The kit catches what it is meant to catch: each standard test fails on a provider that breaks its rule alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlem.testing as kit
from mlem.testing.standard import advice_of, standard_tests

HERE = Path(__file__).parent
ON_THE_PATH = [HERE, HERE / "paper", HERE.parent / "stores" / "strangers", HERE.parents[3] / "examples/mlem-plane/src"]
sys.path += [str(path) for path in ON_THE_PATH]

from every import GROUPS, mutants_of  # noqa: E402  # found by the path
from mutant import MUTANTS, Mutant  # noqa: E402

SUITES = [one for name in kit.__all__ if name.endswith("Suite") and isinstance(one := getattr(kit, name), type)]
EXEMPT = {
    "EveryDaySuite.test_a_shell_has_the_terminal": "it takes a platform with processes",
    "EveryDaySuite.test_an_interrupted_command_is_not_left_behind": "it takes a platform with processes",
    "DeclarationSuite.test_a_field_that_is_not_there_is_refused_by_name": "the command line refuses it for every type",
    "HistorySuite.test_no_history_is_impossible_and_no_update_is_lost": "test_suite: a careless store loses a fight",
    "HistorySuite.test_the_check_notices_a_store_without_conditions": "it is a mutant itself",
}
"""Standard tests without a mutant, and why."""
CARELESS = {
    "test_it_says_for_which_interface_it_is_written": "api_version is missing or another one",
    "test_its_metadata_says_what_it_is": "Summary",
    "test_importing_it_costs_nothing": "imported with the plugin: .*numpy",
    "test_its_classes_are_found_without_the_sdk": "imported with the classes: .*numpy",
    "test_its_classes_are_described": "CarelessEnv.where",
}
LOST = {"test_entry_points_lead_to_plugins": "plugins with a problem"}
"""What is caught of two distributions in ``paper``."""


def run(group: str, tmp_path: Path) -> dict[str, list[str]]:
    """Run the kit on a group of mutants, and on what is sound of it; return what each test has said."""
    found = tmp_path / "found.json"
    path = os.pathsep.join([*map(str, ON_THE_PATH), os.environ.get("PYTHONPATH", "")])
    variables = {"MUTANTS": group, "MUTANTS_FOUND": str(found), "PYTHONPATH": path, "MLEM_TEST_EVERY_BOUNDARY": "6"}
    options = ["-q", "-p", "no:cacheprovider", "-p", "mutant_reports", "-p", "no:randomly", "--tb=short"]
    options += ["-p", "no:unraisableexception"]  # a mutant leaves processes, which a test of what is sound would find
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", str(HERE / "cases.py")],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.exists(), done.stdout + done.stderr
    return dict(json.loads(found.read_text()))


def missed(mutant: Mutant, found: dict[str, list[str]]) -> list[str]:
    """Return the tests that have not noticed a mutant, or have failed for something else."""
    said = {test: found.get(f"{mutant.name}: {test.partition('.')[2]}", ["it was not run"]) for test in mutant.tests}
    return [
        f"{mutant.name}: {test}: {reports}"
        for test, reports in said.items()
        if not any(report.startswith("failed") and re.search(mutant.says, report) for report in reports)
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_each_mutant_is_caught_by_its_test_and_what_is_sound_passes(group: str, tmp_path: Path) -> None:
    found = run(group, tmp_path)
    assert [line for mutant in mutants_of(group) for line in missed(mutant, found)] == []
    assert {key: said for key, said in found.items() if key.startswith("TestSound") and any(said)} == {}
    assert len([key for key in found if key.startswith("TestSound")]) > 10
    if group == "kinds":
        for name, rules in (("TestCareless", CARELESS), ("TestLost", LOST)):
            for test, says in rules.items():
                [said] = found[f"{name}Packaging: {test}"]
                assert re.search(says, said), (test, said)


def test_every_standard_test_has_a_mutant() -> None:
    standard = {f"{suite.__name__}.{test}" for suite in SUITES for test in standard_tests(suite)}
    caught = {test for mutant in MUTANTS.values() for test in mutant.tests}
    caught |= {f"PackagingSuite.{test}" for test in (*CARELESS, *LOST)}
    assert standard - caught - {*EXEMPT} == set()
    assert caught - standard == set(), "mutants for tests that are not there"
    assert {*EXEMPT} - (standard - caught) == set(), "exempt without need"
    assert len(MUTANTS) >= 30


def test_every_standard_test_says_what_to_do_when_it_fails() -> None:
    tests = {f"{suite.__name__}.{name}": test for suite in SUITES for name, test in standard_tests(suite).items()}
    assert [name for name, test in tests.items() if len(advice_of(test)) < 20] == []
