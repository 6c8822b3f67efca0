"""What every state manager does: mlem's conformance kit. Each test says what to do where it fails."""

from __future__ import annotations

from pathlib import Path

from mlem import StateManager
from mlem.testing import HistorySuite, PackagingSuite, StateManagerFixtures, StateManagerSuite, StoreSuite

from mlem_state_cumulus.state_manager import CumulusStateManager


class CumulusFixtures(StateManagerFixtures):
    """What the suites need to know of Cumulus."""

    def manager(self, tmp_path: Path) -> StateManager:
        return CumulusStateManager(uri=f"cumulus://{tmp_path}/states.db")


class TestStore(CumulusFixtures, StoreSuite):
    pass


class TestStateManager(CumulusFixtures, StateManagerSuite):
    pass


class TestHistory(CumulusFixtures, HistorySuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-state-cumulus"
