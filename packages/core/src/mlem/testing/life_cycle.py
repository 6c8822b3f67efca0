"""`LifeCycleSuite`: what every deployment type does, from the first run to the last remove."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.resolve import deployment_class
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import ConflictError, DataError, GateError, NotFoundError, UserError
from mlem_model.plugins.registry import registry

NAME = "app"


class DeploymentFixtures(ABC):
    """What a provider says about itself for the suites; a test class inherits from a suite and fills this in."""

    type: str
    """The deployment type."""

    def fields(self) -> Mapping[str, Any]:
        """Return the fields of a deployment."""
        return {}

    def changed_fields(self) -> Mapping[str, Any]:
        """Return the fields with one of them changed in a way that `plan` must notice; empty when there is none."""
        return {}

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        """Return environment variables for the commands."""
        return {}

    @abstractmethod
    def leftovers(self, lineage: str) -> list[str]:
        """List what is on the platform with the deployment's ownership label, running or not."""

    @abstractmethod
    def running(self, lineage: str) -> list[str]:
        """List the running servers on the platform with the deployment's ownership label."""

    @abstractmethod
    def kill(self, handle: DeploymentHandle) -> None:
        """Kill the deployment's server behind our back, as a crash would, and return when it is gone."""

    def passing(self, variable: str) -> Mapping[str, Any]:
        """Return the fields that pass an environment variable on to the server by its name.

        Empty where the provider has none.
        """
        return {}

    def secrets(self, project: Project) -> Mapping[str, str]:
        """Return values for the variables that credentials come from, with which the platform works here.

        By default each of `Env.secret_variables` that is not set has one of its own, which suits a platform that does
        not look at it.
        """
        cls = deployment_class(self.type)
        names = registry().beside(cls, "env", cls.env_type).secret_variables
        return {
            name: project.variables.get(name) or f"canary-{index}-5f0c1a"
            for index, name in enumerate(("MLEM_TOKEN", *names))
        }

    @contextmanager
    def copies(self, handle: DeploymentHandle) -> Iterator[Callable[[], Sequence[str]] | None]:
        """Make things by hand that inherit the marks of the deployment's resources, such as a copy of a process.

        Yields:
            A function that lists which of them exist; None where nothing inherits marks.
        """
        yield None

    def elsewhere(self, project: Project) -> Project | None:
        """Return the same project as another machine, Engine or account sees it, where the deployment is not.

        None when the platform is one for all, and `Deployment.place` is None.
        """
        return None

    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
        """A project with the models ``double``, ``triple`` and ``wrong``; what it deployed is removed at the end."""
        environment = self.environment(tmp_path)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        project = Project.make(tmp_path / "project", environment)
        project.save("double", 2.0)
        project.save("triple", 3.0)
        project.save_wrong("wrong")
        yield project
        project.expect_done_as_said()
        if (project.folder / f"{NAME}.mlem").exists():
            project.handle(NAME).remove()


class LifeCycleSuite(DeploymentFixtures):
    """Runs, updates, repairs, rolls back, removes.

    Example::

        class TestLifeCycle(LifeCycleSuite):
            type = "local_process"

            def leftovers(self, lineage): ...
            def running(self, lineage): ...
            def kill(self, handle): ...
    """

    def deploy(
        self, project: Project, model: str = "double", fields: Mapping[str, Any] | None = None
    ) -> DeploymentHandle:
        """Deploy a model and return its handle."""
        done = project.run(self.type, NAME, model, self.fields() if fields is None else fields)
        assert done.returncode == 0, done.stderr
        return project.handle(NAME)

    def test_before_a_run_it_is_not_deployed(self, project: Project) -> None:
        options = [f"--{key}={value}" for key, value in self.fields().items()]
        done = project.mlem("declare", "deployment", self.type, NAME, "--model", "double", *options)
        assert done.returncode == 0, done.stderr
        handle = project.handle(NAME)
        assert handle.status() == Status(Phase.NOT_DEPLOYED)
        # a step that the declaration does without is kept as it is: not there
        assert {change.action for change in handle.plan()} - {"keep"} == {"create"}
        with pytest.raises(NotFoundError):
            handle.get_client()

    def test_run_makes_it_answer_as_the_saved_model(self, project: Project) -> None:
        handle = self.deploy(project)
        assert handle.status() == Status(Phase.RUNNING)
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
            assert client.call("predict", [10.0]) == [20.0]

    def test_after_a_run_the_plan_is_empty_and_a_second_run_changes_nothing(self, project: Project) -> None:
        handle = self.deploy(project)
        before = handle.state()
        assert {change.action for change in handle.plan()} == {"keep"}
        assert handle.run().changed is False
        after = handle.state()
        assert before is not None
        assert after is not None
        assert (after.records, after.releases) == (before.records, before.releases)

    def test_a_run_does_what_its_plan_has_said(self, project: Project) -> None:
        """``plan`` and ``run`` say the same of each step, and the records tell that it was done.

        A step that is said to be kept keeps its record, ids of the platform included.
        """
        first = self.deploy(project)
        before = first.state()
        declaration = project.folder / f"{NAME}.mlem"
        declaration.write_text(declaration.read_text().replace("model: double", "model: triple"))
        planned = project.json("deployment", "plan", NAME)["changes"]
        ran = project.json("deployment", "run", "--load", NAME)["changes"]
        assert ran == planned
        after = first.state()
        assert before is not None
        assert after is not None
        kept = [change["step"] for change in planned if change["action"] == "keep"]
        changed = [change["step"] for change in planned if change["action"] in ("create", "update", "replace")]
        assert changed
        assert [after.records.get(step) for step in kept] == [before.records.get(step) for step in kept]
        assert [step for step in changed if after.records[step] == before.records.get(step)] == []

    def test_another_model_replaces_the_first_and_can_be_rolled_back(self, project: Project) -> None:
        first = self.deploy(project)
        second = self.deploy(project, "triple")
        with second.get_client() as client:
            assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
        assert [release.number for release in second.releases()] == [2, 1]
        if "rollback" not in second.deployment.capabilities:
            return
        release = second.rollback()
        assert (release.number, release.rollback_of) == (3, 1)
        with first.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert len(self.running(_lineage(second))) == 1

    def test_what_was_just_deployed_has_not_drifted(self, project: Project) -> None:
        """`Step.observe` tells of nothing where nobody has touched the platform, without the model at hand."""
        handle = self.deploy(project)
        assert (handle.address() is not None) == ("address" in handle.deployment.capabilities), "declare it as it is"
        done = project.mlem("deployment", "status", NAME, "--check")
        assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["running"]), done.stderr

    def test_a_release_that_answers_wrongly_gives_way_to_the_last_good_one(self, project: Project) -> None:
        handle = self.deploy(project)
        done = project.run(self.type, NAME, "wrong", self.fields())
        assert (done.returncode, "serves again" in done.stderr) == (8, True), done.stderr
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert handle.status() == Status(Phase.RUNNING)
        assert [release.number for release in handle.releases()] == [1]
        assert len(self.running(_lineage(handle))) == 1

    def test_a_first_release_that_answers_wrongly_is_refused(self, project: Project) -> None:
        done = project.run(self.type, NAME, "wrong", self.fields())
        assert done.returncode == GateError.exit_code, done.stderr
        handle = project.handle(NAME)
        assert handle.releases() == ()
        assert handle.status().phase is not Phase.RUNNING
        assert handle.remove() is True

    def test_a_changed_field_is_an_update(self, project: Project) -> None:
        changed = self.changed_fields()
        if not changed:
            pytest.skip("this provider has no field whose change can be seen")
        handle = self.deploy(project)
        self.deploy(project, fields=changed)
        assert [release.number for release in handle.releases()] == [2, 1]
        assert {change.action for change in project.handle(NAME).plan()} == {"keep"}
        with project.handle(NAME).get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def test_a_death_behind_our_back_is_found_out_and_repaired(self, project: Project) -> None:
        handle = self.deploy(project)
        self.kill(handle)
        assert handle.status().phase is not Phase.RUNNING
        assert {change.action for change in handle.plan()} != {"keep"}
        crashed = handle.status()
        logs = (
            list(handle.logs(tail=1))
            if crashed.phase is Phase.CRASHED and "logs" in handle.deployment.capabilities
            else []
        )
        told: list[str] = []
        assert replace(handle, report=told.append).run().changed is True
        assert all(line in "\n".join(told) for line in logs), told  # they are gone with what was replaced
        assert handle.status() == Status(Phase.RUNNING)
        assert [release.number for release in handle.releases()] == [1]
        assert len(self.running(_lineage(handle))) == 1

    def test_a_restart_serves_the_same_release(self, project: Project) -> None:
        handle = self.deploy(project)
        try:
            release = handle.restart()
        except UserError as error:
            if error.code != "no-restart" or "restart" in handle.deployment.capabilities:
                raise
            pytest.skip("this provider has nothing that is started again")
        assert "restart" in handle.deployment.capabilities, "it can: declare the capability"
        assert (release.number, [one.number for one in handle.releases()], len(self.running(_lineage(handle)))) == (
            1,
            [1],
            1,
        )
        assert {change.action for change in handle.plan()} == {"keep"}
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def test_remove_leaves_nothing_and_twice_is_fine(self, project: Project) -> None:
        handle = self.deploy(project)
        lineage = _lineage(handle)
        assert handle.remove() is True
        assert self.leftovers(lineage) == []
        assert handle.status() == Status(Phase.NOT_DEPLOYED)
        assert handle.remove() is False

    def test_what_somebody_made_from_it_by_hand_is_left_alone(self, project: Project) -> None:
        handle = self.deploy(project)
        lineage = _lineage(handle)
        with self.copies(handle) as copies:
            if copies is None:
                pytest.skip("nothing inherits this provider's marks")
            made = copies()
            assert made
            self.deploy(project, "triple")
            handle.rollback()
            assert (len(self.running(lineage)), copies()) == (1, made)
            assert handle.remove() is True
            assert (self.leftovers(lineage), copies()) == ([], made)

    def test_seen_from_elsewhere_it_is_not_taken_for_gone(self, project: Project) -> None:
        elsewhere = self.elsewhere(project)
        if elsewhere is None:
            pytest.skip("this provider's platform is one for all")
        handle = self.deploy(project)
        state = handle.state()
        assert state is not None
        for words in (
            "status NAME",
            "plan NAME",
            "run --load NAME",
            "rollback NAME",
            "logs NAME",
            "wait NAME",
            "remove NAME",
        ):
            done = elsewhere.mlem("deployment", *words.replace("NAME", NAME).split())
            assert (done.returncode, "error[elsewhere]" in done.stderr) == (ConflictError.exit_code, True), (
                words,
                done.stdout,
                done.stderr,
            )
        there = handle.state()
        assert there is not None
        assert (there.records, there.releases, handle.status()) == (
            state.records,
            state.releases,
            Status(Phase.RUNNING),
        )
        assert len(self.running(state.lineage)) == 1
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def test_what_is_elsewhere_is_forgotten_only_where_it_is_asked_for(self, project: Project) -> None:
        elsewhere = self.elsewhere(project)
        if elsewhere is None:
            pytest.skip("this provider's platform is one for all")
        handle = self.deploy(project)
        here = project.mlem("deployment", "remove", NAME, "--forget")
        assert (here.returncode, "error[reachable]" in here.stderr) == (ConflictError.exit_code, True), here.stderr
        state = project.folder / f"{NAME}.mlem.state"
        content, lineage = state.read_bytes(), _lineage(handle)
        done = elsewhere.mlem("deployment", "remove", NAME, "--forget")
        assert done.returncode == 0, done.stderr
        assert (state.exists(), len(self.running(lineage))) == (False, 1)
        state.write_bytes(content)  # else nobody could remove it
        assert handle.remove() is True

    def test_what_has_lost_its_state_is_found_by_its_marks(self, project: Project) -> None:
        """The state is deleted while the server lives: it is found, and put on record as the one that it is.

        `Deployment.candidates` finds it by the marks that its steps have made, and a step whose record is lost finds
        what it made: nothing is made a second time.
        """
        handle = self.deploy(project)
        lineage, recover = _lineage(handle), ("deployment", "state", "recover", NAME)
        if "recover" not in handle.deployment.capabilities:
            assert "error[no-recover]" in project.mlem(*recover).stderr
            pytest.skip("this provider's platform has no marks to look for")
        refused = project.mlem(*recover)
        assert (refused.returncode, "error[has-a-state]" in refused.stderr) == (ConflictError.exit_code, True)
        (project.folder / f"{NAME}.mlem.state").unlink()
        found = next(
            one for one in project.json(*recover) if one["lineage"] == lineage
        )  # others may have the name, too
        nothing = project.mlem(*recover, "--from", "nothing-of-ours")
        assert nothing.returncode == NotFoundError.exit_code, nothing.stderr
        done = project.mlem(*recover, "--from", found["id"])
        assert done.returncode == 0, done.stderr
        assert (_lineage(handle), len(self.running(lineage))) == (lineage, 1)
        assert {change.action for change in handle.plan()} == {"keep"}
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert handle.remove() is True
        assert self.leftovers(lineage) == []

    def test_the_client_knows_the_methods_and_checks_arguments(self, project: Project) -> None:
        with self.deploy(project).get_client() as client:
            assert client.methods == ("predict",)
            with pytest.raises(UserError, match="predict_proba"):
                client.call("predict_proba", SAMPLE)
            with pytest.raises(DataError, match="expected a number"):
                client.predict(["one"])

    def test_logs_are_there(self, project: Project) -> None:
        handle = self.deploy(project)
        if "logs" not in handle.deployment.capabilities:
            pytest.skip("this provider has no logs")
        everything = list(handle.logs())
        assert everything
        assert list(handle.logs(tail=1)) == everything[-1:]
        assert list(handle.logs(tail=len(everything) + 2)) == everything


def _lineage(handle: DeploymentHandle) -> str:
    state = handle.state()
    assert state is not None
    return state.lineage
