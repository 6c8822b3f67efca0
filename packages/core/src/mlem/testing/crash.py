"""`CrashSafetySuite`: whatever a command leaves when it is killed, the next command repairs."""

from __future__ import annotations

import os
import signal

from mlem.deployments.deployment import Phase, Status
from mlem.testing.fixtures import NAME, DeploymentFixtures
from mlem.testing.projects import SAMPLE, Project

_MOST_BOUNDARIES = 60
_EVERY = int(os.environ.get("MLEM_TEST_EVERY_BOUNDARY", "1"))
"""Each run of all boundaries takes minutes on a platform that is slow: a check that has to be quick takes every second
one."""


class CrashSafetySuite(DeploymentFixtures):
    """Kills the command line with SIGKILL at each boundary in turn.

    Before each step, and before each write of the state. With the environment variable ``MLEM_TEST_EVERY_BOUNDARY=2``
    at every second one.
    """

    def _killed(self, project: Project, boundary: int, *arguments: str) -> bool:
        """Run a command that is killed at a boundary; return whether there was such a boundary."""
        done = project.python("-m", "mlem.testing.stores.killer", str(boundary), *arguments)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def _expect_one_right_server(self, project: Project, answers: list[float]) -> None:
        handle = project.handle(NAME)
        state = handle.state()
        assert state is not None
        assert len(self.running(state.lineage)) == 1
        assert handle.status() == Status(Phase.RUNNING)
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == answers

    def test_a_first_run_killed_at_any_boundary_is_finished_by_the_next(self, project: Project) -> None:
        """The next run finds what the killed one has made, and makes no second one.

        When it fails: find in `Step.apply`, by its deterministic name and the lineage, what was made and not recorded;
        adopt it. The message says at which boundary.
        """
        options = [f"--{key}={value}" for key, value in self.fields().items()]
        boundary = 1
        while self._killed(project, boundary, "deployment", "run", self.type, NAME, "--model", "double", *options):
            done = project.run(self.type, NAME, "double", self.fields())
            assert done.returncode == 0, f"boundary {boundary}: {done.stderr}"
            self._expect_one_right_server(project, [2.0, 4.0, 6.0])
            self._remove_all(project)
            boundary += _EVERY
        assert 4 < boundary < _MOST_BOUNDARIES

    def test_an_update_killed_at_any_boundary_is_finished_by_the_next(self, project: Project) -> None:
        """The next run ends with one server of the new model, whatever was half replaced.

        When it fails: look in `Step.apply` for both, the old resource and the new one, and leave one of them.
        """
        assert project.run(self.type, NAME, "double", self.fields()).returncode == 0
        models = ["triple", "double"]
        answers = {"double": [2.0, 4.0, 6.0], "triple": [3.0, 6.0, 9.0]}
        boundary = _EVERY  # other ones than a first run
        while self._killed(project, boundary, "deployment", "run", "--load", NAME, "--model", models[0]):
            done = project.mlem("deployment", "run", "--load", NAME, "--model", models[0])
            assert done.returncode == 0, f"boundary {boundary}: {done.stderr}"
            self._expect_one_right_server(project, answers[models[0]])
            models.reverse()
            boundary += _EVERY
        assert 4 < boundary < _MOST_BOUNDARIES

    def test_a_remove_killed_at_any_boundary_is_finished_by_the_next(self, project: Project) -> None:
        """The next remove takes away the rest, and what is gone already is no error.

        When it fails: treat the platform's 404 in `Step.remove` as done.
        """
        assert project.run(self.type, NAME, "double", self.fields()).returncode == 0
        boundary = 1
        while True:
            handle = project.handle(NAME)
            handle.run()
            state = handle.state()
            assert state is not None
            killed = self._killed(project, boundary, "deployment", "remove", NAME)
            self._remove_all(project)
            assert self.leftovers(state.lineage) == []
            if not killed:
                break
            boundary += _EVERY
        assert 3 < boundary < _MOST_BOUNDARIES

    def test_a_run_killed_at_any_boundary_can_be_removed(self, project: Project) -> None:
        """Also what was made and not recorded is removed.

        When it fails: look in `Step.remove` for the lineage when ``recorded`` is None.
        """
        options = [f"--{key}={value}" for key, value in self.fields().items()]
        boundary = _EVERY  # other ones than a run that is finished
        while self._killed(project, boundary, "deployment", "run", self.type, NAME, "--model", "double", *options):
            if (project.folder / f"{NAME}.mlem").exists():
                state = project.handle(NAME).state()
                self._remove_all(project)
                assert state is None or self.leftovers(state.lineage) == []
            boundary += _EVERY
        assert 4 < boundary < _MOST_BOUNDARIES

    def _remove_all(self, project: Project) -> None:
        # in this process, which saves the start of another one at each boundary
        handle = project.handle(NAME)
        handle.remove()
        assert handle.state() is None
