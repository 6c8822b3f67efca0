"""`LifeCycleSuite`: what every deployment type does, from the first run to the last remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.handle import DeploymentHandle
from mlem.testing.fixtures import NAME, DeploymentFixtures, lineage_of
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import ConflictError, DataError, GateError, NotFoundError, UserError


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
        """Nothing is claimed of a deployment that was only declared.

        When it fails: ask the platform in no step's `wanted`, and leave the answer for what is not deployed to the
        engine.
        """
        options = [f"--{key}={value}" for key, value in self.fields().items()]
        done = project.mlem("declare", "deployment", self.type, NAME, "--model", "double", *options)
        assert done.returncode == 0, done.stderr
        handle = project.handle(NAME)
        assert handle.status() == Status(Phase.NOT_DEPLOYED)
        # a step that the declaration does without is kept as it is: not there
        assert {change.action for change in handle.plan()} - {"keep"} == {"create"}
        with pytest.raises(NotFoundError):
            handle.get_client()
        with pytest.raises(NotFoundError):
            list(handle.logs())

    def test_run_makes_it_answer_as_the_saved_model(self, project: Project) -> None:
        """The gate compares the sample's answer; other values are computed, too.

        When it fails: return from `Deployment.client` a client of the address on record, and serve the files of the
        context's model.
        """
        handle = self.deploy(project)
        assert handle.status() == Status(Phase.RUNNING)
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
            assert client.call("predict", [10.0]) == [20.0]

    def test_after_a_run_the_plan_is_empty_and_a_second_run_changes_nothing(self, project: Project) -> None:
        """What is wanted is what is on record: ``run`` can be repeated.

        When it fails: take times, random values and the platform's defaults out of `Step.wanted`; `observe` returns
        them as they were wanted.
        """
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

        When it fails: return from `Step.change` what `apply` really does, and change no record of a step that is kept.
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
        """One server answers, with the model of the release that was asked for last.

        When it fails: apply in `Step.apply` what ``wanted`` says, also when there is no model in the context: its files
        are still on the platform.
        """
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
        assert len(self.running(lineage_of(second))) == 1

    def test_what_was_just_deployed_has_not_drifted(self, project: Project) -> None:
        """`Step.observe` tells of nothing where nobody has touched the platform, without the model at hand.

        When it fails: return from `Step.observe` the record with the same forms of values that `wanted` has; see which
        field `status --check` names.
        """
        handle = self.deploy(project)
        assert (handle.address() is not None) == ("address" in handle.deployment.capabilities), "declare it as it is"
        done = project.mlem("deployment", "status", NAME, "--check")
        assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["running"]), done.stderr

    def test_a_release_that_answers_wrongly_gives_way_to_the_last_good_one(self, project: Project) -> None:
        """After a failed gate the release before serves again, alone.

        When it fails: keep in `Step.apply` what the release before needs until `prune` is called, and put it back from
        its record.
        """
        handle = self.deploy(project)
        done = project.run(self.type, NAME, "wrong", self.fields())
        assert (done.returncode, "serves again" in done.stderr) == (8, True), done.stderr
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert handle.status() == Status(Phase.RUNNING)
        assert [release.number for release in handle.releases()] == [1]
        assert len(self.running(lineage_of(handle))) == 1

    def test_a_first_release_that_answers_wrongly_is_refused(self, project: Project) -> None:
        """Without a release before there is nothing to put back: it is no release, and can be removed.

        When it fails: remove in `Step.remove` also what never passed the gate; `status` says running only of what
        answers.
        """
        done = project.run(self.type, NAME, "wrong", self.fields())
        assert done.returncode == GateError.exit_code, done.stderr
        handle = project.handle(NAME)
        assert handle.releases() == ()
        assert handle.status().phase is not Phase.RUNNING
        assert handle.remove() is True

    def test_a_changed_field_is_an_update(self, project: Project) -> None:
        """A field of the declaration is on record, so that its change is seen and applied.

        When it fails: put the field into the step's record in `wanted`, and apply it.
        """
        self.expect_method("changed_fields")
        changed = self.changed_fields()
        handle = self.deploy(project)
        self.deploy(project, fields=changed)
        assert [release.number for release in handle.releases()] == [2, 1]
        assert {change.action for change in project.handle(NAME).plan()} == {"keep"}
        with project.handle(NAME).get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def test_a_death_behind_our_back_is_found_out_and_repaired(self, project: Project) -> None:
        """``status`` tells, ``plan`` sees it, ``run`` repairs it in the same release.

        When it fails: return None from `Step.observe` for what is gone, and ask the platform in `status`.
        """
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
        assert len(self.running(lineage_of(handle))) == 1

    def test_a_restart_serves_the_same_release(self, project: Project) -> None:
        """What serves is started again, and is the only one.

        When it fails: write `Step.restart`, which returns the new record, and declare the capability ``restart``; or do
        neither.
        """
        handle = self.deploy(project)
        if "restart" not in handle.deployment.capabilities:
            with pytest.raises(UserError) as caught:
                handle.restart()
            assert caught.value.code == "no-restart", "it can: declare the capability"
            return
        release = handle.restart()
        assert (release.number, [one.number for one in handle.releases()], len(self.running(lineage_of(handle)))) == (
            1,
            [1],
            1,
        )
        assert {change.action for change in handle.plan()} == {"keep"}
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]

    def test_remove_leaves_nothing_and_twice_is_fine(self, project: Project) -> None:
        """Nothing with our label is left on the platform.

        When it fails: write `Step.remove` for each resource that `apply` makes, images and log groups included.
        """
        handle = self.deploy(project)
        lineage = lineage_of(handle)
        assert handle.remove() is True
        assert self.leftovers(lineage) == []
        assert handle.status() == Status(Phase.NOT_DEPLOYED)
        assert handle.remove() is False

    def test_what_somebody_made_from_it_by_hand_is_left_alone(self, project: Project) -> None:
        """A copy inherits our label, and is somebody else's all the same.

        When it fails: compare in `apply`, `prune` and `remove` more than the label: the name, the id on record, what
        only we set.
        """
        self.expect_method("copies")
        handle = self.deploy(project)
        lineage = lineage_of(handle)
        with self.copies(handle) as copies:
            made = copies()
            assert made, "`copies` has made nothing"
            self.deploy(project, "triple")
            handle.rollback()
            assert (len(self.running(lineage)), copies()) == (1, made)
            assert handle.remove() is True
            assert (self.leftovers(lineage), copies()) == ([], made)

    def test_seen_from_elsewhere_it_is_not_taken_for_gone(self, project: Project) -> None:
        """Another Engine or account does not have it: that is no reason to make it again, or to forget it.

        When it fails: write `Deployment.place`, which says what the platform calls itself, and not what the settings
        say.
        """
        self.expect_method("elsewhere")
        elsewhere = self.elsewhere(project)
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
        """``--forget`` is for what cannot be reached, and is refused where it can.

        When it fails: return from `Deployment.place` the same place as long as the deployment is reached.
        """
        self.expect_method("elsewhere")
        elsewhere = self.elsewhere(project)
        handle = self.deploy(project)
        here = project.mlem("deployment", "remove", NAME, "--forget")
        assert (here.returncode, "error[reachable]" in here.stderr) == (ConflictError.exit_code, True), here.stderr
        state = project.folder / f"{NAME}.mlem.state"
        content, lineage = state.read_bytes(), lineage_of(handle)
        done = elsewhere.mlem("deployment", "remove", NAME, "--forget")
        assert done.returncode == 0, done.stderr
        assert (state.exists(), len(self.running(lineage))) == (False, 1)
        state.write_bytes(content)  # else nobody could remove it
        assert handle.remove() is True

    def test_what_has_lost_its_state_is_found_by_its_marks(self, project: Project) -> None:
        """The state is deleted while the server lives: it is found, and put on record as the one that it is.

        `Deployment.candidates` finds it by the marks that its steps have made, and a step whose record is lost finds
        what it made: nothing is made a second time.

        When it fails: put the lineage on what serves, read it in `Deployment.candidates`, and find it in `Step.observe`
        and `apply` without a record.
        """
        handle = self.deploy(project)
        lineage, recover = lineage_of(handle), ("deployment", "state", "recover", NAME)
        if "recover" not in handle.deployment.capabilities:
            assert "error[no-recover]" in project.mlem(*recover).stderr
            return
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
        assert (lineage_of(handle), len(self.running(lineage))) == (lineage, 1)
        assert {change.action for change in handle.plan()} == {"keep"}
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert handle.remove() is True
        assert self.leftovers(lineage) == []

    def test_the_client_knows_the_methods_and_checks_arguments(self, project: Project) -> None:
        """A caller's mistake is an error of the caller, before anything is sent.

        When it fails: return a `Client` whose `fetch_interface` gives what the server says; leave `call` as it is.
        """
        with self.deploy(project).get_client() as client:
            assert client.methods == ("predict",)
            with pytest.raises(UserError, match="predict_proba"):
                client.call("predict_proba", SAMPLE)
            with pytest.raises(DataError, match="expected a number"):
                client.predict(["one"])

    def test_logs_are_there(self, project: Project) -> None:
        """The newest lines come last, and ``tail`` cuts from the front.

        When it fails: yield lines without line ends, oldest first; ``tail`` of 1 is the newest line. Or declare no
        capability ``logs``.
        """
        handle = self.deploy(project)
        if "logs" not in handle.deployment.capabilities:
            return
        everything = list(handle.logs())
        assert everything, "the log of what serves is empty"
        assert list(handle.logs(tail=1)) == everything[-1:]
        assert list(handle.logs(tail=len(everything) + 2)) == everything
