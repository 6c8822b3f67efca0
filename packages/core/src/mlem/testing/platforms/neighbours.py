"""`NeighbourSuite`: what is on the platform beside a deployment, and what must not be touched or left there."""

from __future__ import annotations

from typing import Any

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.handle import DeploymentHandle
from mlem.testing.fixtures import NAME, DeploymentFixtures, lineage_of
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import ConflictError

NAMES = ("team/Größe.v2", "team/größe-v2", "team/Masse.v2")
"""Two names that are one where a platform takes small ASCII letters and dashes only, and a third one."""


class NeighbourSuite(DeploymentFixtures):
    """Several deployments, somebody else's resources, and what is over.

    Example::

        class TestNeighbours(MyFixtures, NeighbourSuite):
            pass
    """

    def test_what_somebody_else_has_is_refused_and_left_alone(self, project: Project) -> None:
        """A resource with our deterministic name and without our label is not ours: exit code 4, and it stays.

        When it fails: compare the ownership label (the context's ``lineage``) before a resource is used, changed or
        removed, and raise a `ConflictError` that names the resource.
        """
        self.expect_method("foreign")
        with self.foreign(project) as theirs:
            before = theirs()
            assert before, "`foreign` has made nothing"
            done = project.run(self.type, NAME, "double", self.fields())
            assert done.returncode == ConflictError.exit_code, f"it was not refused: {done.stderr}"
            assert theirs() == before, "somebody else's resource was changed"
            if (project.folder / f"{NAME}.mlem").exists():
                project.mlem("deployment", "remove", NAME)
            assert theirs() == before, "somebody else's resource was removed"

    def test_two_deployments_do_not_touch_each_other(self, project: Project) -> None:
        """Names with ``/``, dots, capitals and letters of any alphabet are different deployments, also when cut.

        When it fails: put the lineage, or a digest of the whole name, into the names of resources; change and remove
        only what has the lineage of the context.
        """
        done = project.run(self.type, NAMES[0], "double", self.unnamed_fields())
        assert done.returncode == 0, f"{NAMES[0]} can't be deployed: {done.stderr}"
        second_name = NAMES[1]
        done = project.run(self.type, second_name, "triple", self.unnamed_fields())
        if done.returncode == ConflictError.exit_code:  # it says so, and takes one that differs in its letters
            second_name = NAMES[2]
            done = project.run(self.type, second_name, "triple", self.unnamed_fields())
        assert done.returncode == 0, f"{second_name} can't be deployed: {done.stderr}"
        first, second = project.handle(NAMES[0]), project.handle(second_name)
        handles = [first, second]
        assert (_answer(first), _answer(second)) == ([2.0, 4.0, 6.0], [3.0, 6.0, 9.0]), "one answers for the other"
        lineages = [lineage_of(handle) for handle in handles]
        ours, theirs = (set(self.leftovers(lineage)) for lineage in lineages)
        assert not ours & theirs, "one resource belongs to two deployments"
        assert second.remove() is True
        assert (first.status(), _answer(first)) == (Status(Phase.RUNNING), [2.0, 4.0, 6.0]), "removed with the other"
        assert first.remove() is True
        assert [self.leftovers(lineage) for lineage in lineages] == [[], []], "something is left over"

    def test_what_no_kept_release_needs_is_pruned(self, project: Project) -> None:
        """With ``keep_releases`` of 1 there is as much after the second release as after the first.

        When it fails: write `Step.prune`, which removes what is not in ``keep``; list in the test class's `leftovers`
        everything that a release leaves.
        """
        counts = []
        for model in ("double", "triple"):
            done = project.run(self.type, NAME, model, {**self.fields(), "keep_releases": 1})
            assert done.returncode == 0, done.stderr
            counts.append(len(self.leftovers(lineage_of(project.handle(NAME)))))
        assert counts[0] > 0, "`leftovers` does not see what serves"
        assert counts[1] <= counts[0], f"what was replaced is still there: {counts}"

    def test_looking_changes_nothing(self, project: Project) -> None:
        """``plan`` of another model, ``status``, ``list`` and ``releases`` leave platform and state as they are.

        When it fails: `Step.wanted`, `observe`, `change`, `check` and `Deployment.status` only read; make and repair
        in `Step.apply`.
        """
        done = project.run(self.type, NAME, "double", self.fields())
        assert done.returncode == 0, done.stderr
        handle = project.handle(NAME)
        before = self._seen(project, handle)
        for words in (
            f"plan {NAME} --model triple",
            f"status {NAME} --check",
            "list --check",
            f"releases {NAME}",
            f"plan {NAME} --output json",
        ):
            looked = project.mlem("deployment", *words.split())
            assert (looked.returncode, "Traceback" in looked.stderr) == (0, False), (words, looked.stderr)
            assert self._seen(project, handle) == before, f"mlem deployment {words} has changed something"
        assert _answer(handle) == [2.0, 4.0, 6.0]

    def _seen(self, project: Project, handle: DeploymentHandle) -> Any:
        lineage = lineage_of(handle)
        state = (project.folder / f"{NAME}.mlem.state").read_bytes()
        return sorted(self.leftovers(lineage)), sorted(self.running(lineage)), state


def _answer(handle: DeploymentHandle) -> Any:
    with handle.get_client() as client:
        return client.predict(SAMPLE)
