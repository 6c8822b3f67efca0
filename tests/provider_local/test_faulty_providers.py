"""The conformance kit can fail: each rule catches a provider that breaks it, and lets one pass that does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlem import MlemError
from mlem.testing import LifeCycleSuite, OperationSuite, Project

from .test_conformance import LocalFixtures

STRANGERS = Path(__file__).parent / "strangers"
sys.path.append(str(STRANGERS))

RULES = [
    ("is everywhere", "test_seen_from_elsewhere_it_is_not_taken_for_gone", ()),
    ("takes copies for its own", "test_what_somebody_made_from_it_by_hand_is_left_alone", ()),
    ("keeps a path", "test_records_are_plain_data", ()),
    ("talks past us", "test_a_reader_that_goes_away_does_not_end_a_run", ()),
    ("forgets what it passed", "test_a_rotated_secret_is_noticed", ("monkeypatch",)),
    ("finds names taken", "test_a_plan_before_the_first_run_on_a_shared_store", ()),
    ("looks at its records alone", "test_a_store_that_stops_answering_in_a_run_loses_nothing", (3,)),
    ("keeps its key", "test_the_providers_own_secrets_stay_out_of_everything", ("monkeypatch",)),
    ("says its key", "test_the_providers_own_secrets_stay_out_of_everything", ("monkeypatch",)),
    ("gives its key as an argument", "test_the_providers_own_secrets_stay_out_of_everything", ("monkeypatch",)),
]


class Suite(LocalFixtures, LifeCycleSuite, OperationSuite):
    __test__ = False


class TestFaulty(LocalFixtures):
    type = "faulty_process"

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        return {**super().environment(tmp_path), "PYTHONPATH": str(STRANGERS)}

    def suite(self) -> Any:
        suite = Suite()
        passing = {"passing": lambda variable: {"pass_environment": variable}, "lacks": {}}
        suite.__dict__.update(self.__dict__, type=self.type, **passing)
        return suite

    @pytest.mark.parametrize(("fault", "rule", "further"), RULES, ids=[fault for fault, _, _ in RULES])
    def test_a_fault_is_caught(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, fault: str, rule: str, further: tuple[Any, ...]
    ) -> None:
        arguments = [monkeypatch if one == "monkeypatch" else one for one in further]
        monkeypatch.setenv("FAULT", fault)
        with pytest.raises((AssertionError, MlemError)):
            getattr(self.suite(), rule)(project, *arguments)
        monkeypatch.delenv("FAULT")

    @pytest.mark.parametrize(("rule", "further"), sorted({rule: further for _, rule, further in RULES}.items()))
    def test_without_a_fault_the_rule_is_kept(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, rule: str, further: tuple[Any, ...]
    ) -> None:
        arguments = [monkeypatch if one == "monkeypatch" else one for one in further]
        getattr(self.suite(), rule)(project, *arguments)
