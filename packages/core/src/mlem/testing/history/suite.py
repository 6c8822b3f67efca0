"""`HistorySuite`: what processes saw of a store that they fought over, checked for linearizability."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from mlem.testing.history.fight import Fight
from mlem.testing.stores.fixtures import StateManagerFixtures


class HistorySuite(StateManagerFixtures):
    """Processes fight over one state while they are killed and paused; what each one saw must be linearizable.

    Fields of the state manager that make it give up a dead holder soon, as ``ttl_s=3``, make the fight fiercer.
    """

    seconds: ClassVar[float] = 10.0
    """How long they fight; ten minutes find more."""

    def fight(self, tmp_path: Path, **task: Any) -> Fight:
        """Prepare a fight."""
        folder = tmp_path / "histories"
        folder.mkdir()
        return Fight(self.manager(tmp_path), folder, self.seconds, environments=(self.environment(),), task=task)

    def test_no_history_is_impossible_and_no_update_is_lost(self, tmp_path: Path) -> None:
        """A register, one operation at a time, would have given the same answers; `Verdict` says what did not hold.

        When it fails: the verdict has the operations that contradict each other; a write that was answered has to be
        read by all from then on.
        """
        verdict = self.fight(tmp_path).run()
        assert verdict.clean, verdict
        assert verdict.landed > 10, verdict

    def test_the_check_notices_a_store_without_conditions(self, tmp_path: Path) -> None:
        """The same fight with the conditions taken off: a check that passes this one shows nothing.

        When it fails: nothing of the store is wrong: fewer processes than usual fought. Raise ``seconds``.
        """
        verdict = self.fight(tmp_path, cas=False).run()
        assert not verdict.clean, verdict
