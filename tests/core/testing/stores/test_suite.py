"""The kit for state managers finds a store that does not compare and write in one move.

Every time, whatever the fault is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from mlem.state.manager import StateManager
from mlem.testing import HistorySuite, StoreSuite
from mlem.testing.stores.fixtures import StateManagerFixtures

STRANGERS = Path(__file__).parent / "strangers"
sys.path.append(str(STRANGERS))

from careless_stores import CarelessManager  # noqa: E402  # other processes import it too, by its name


class Fixtures(StateManagerFixtures):
    kind: ClassVar[str] = "RightStore"

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(STRANGERS)}

    def manager(self, tmp_path: Path) -> StateManager:
        return CarelessManager(uri=str(tmp_path / "states"), kind=self.kind, ttl_s=3)


class TestRight(Fixtures, StoreSuite):
    pass


class TestHistory(Fixtures, HistorySuite):
    seconds: ClassVar[float] = 4.0


@pytest.mark.parametrize(
    ("kind", "operations"),
    [
        ("FolderStore", ["create", "swap", "delete"]),
        ("MutexStore", ["create", "swap", "delete"]),
        ("CreatingStore", ["swap", "delete"]),
        ("DeletingStore", ["delete"]),
    ],
)
def test_a_careless_store_is_found_every_time(tmp_path: Path, kind: str, operations: list[str]) -> None:
    for operation in ("create", "swap", "delete"):
        for turn in range(3 if operation in operations else 1):
            suite = StoreSuiteOf(kind)
            folder = tmp_path / f"{operation}-{turn}"
            manager = suite.manager(folder)

            def attempt() -> None:
                suite.test_whoever_comes_between_two_lines_is_noticed(manager, manager.store(folder), folder, operation)  # noqa: B023  # called at once

            if operation in operations:
                with pytest.raises(AssertionError, match="of"):
                    attempt()
            else:
                attempt()


class StoreSuiteOf(Fixtures, StoreSuite):
    """The suite for one kind of store; no test itself."""

    __test__ = False

    def __init__(self, kind: str) -> None:
        self.kind = kind  # type: ignore[misc]  # of this one


def test_a_careless_store_loses_a_fight(tmp_path: Path) -> None:
    class Careless(Fixtures, HistorySuite):
        kind = "FolderStore"
        seconds: ClassVar[float] = 6.0

    suite = Careless()
    verdict = suite.fight(tmp_path).run()
    assert not verdict.clean, verdict
