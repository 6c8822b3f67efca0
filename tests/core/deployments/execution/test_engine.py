"""The engine's promises, on a platform in memory whose faults can be set."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.deployments.deployment import Phase, Status
from mlem.deployments.execution.engine import LockOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.step import Change
from mlem.state.record import Record
from mlem.state.state import State
from mlem.testing import Project
from mlem.testing.fake import DiskStep, FakePlatform, Killed
from mlem_model.errors import (
    ConflictError,
    CredentialsError,
    GateError,
    LockedError,
    MlemError,
    NotFoundError,
    PlatformError,
    PluginError,
)

Declare = Callable[..., DeploymentHandle]


@pytest.fixture
def declare(project: Project, platform: FakePlatform) -> Declare:
    def declare(model: str = "double", **fields: Any) -> DeploymentHandle:
        api.declare_deployment("fake", str(project.folder / "app"), {"model": str(project.folder / model), **fields})
        return project.handle("app")

    return declare


def digest(project: Project, model: str) -> str:
    return str(api.load_meta(model, str(project.folder)).digest)


def state_of(handle: DeploymentHandle) -> State:
    state = handle.state()
    assert state is not None
    return state


def test_a_plan_before_the_first_run_creates_everything_and_touches_nothing(
    declare: Declare, platform: FakePlatform
) -> None:
    handle = declare()
    assert handle.plan() == (Change("disk", "create", "not there yet"), Change("server", "create", "not there yet"))
    assert (platform.calls, handle.state()) == ([], None)


def test_a_run_makes_the_steps_in_order_and_records_a_release(
    declare: Declare, platform: FakePlatform, project: Project
) -> None:
    handle = declare()
    outcome = handle.run()
    assert platform.calls == ["apply disk", "apply server", "prune server keep 1", "prune disk keep 1"]
    assert outcome.changed
    state = state_of(handle)
    assert (state.model_hash, state.lock, [release.number for release in state.releases]) == (
        digest(project, "double"),
        None,
        [1],
    )
    assert state.releases[0].records == state.records


def test_a_second_run_changes_nothing(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    before = handle.run().state
    platform.calls.clear()
    outcome = handle.run()
    assert (outcome.changed, platform.calls) == (False, ["prune server keep 1", "prune disk keep 1"])
    assert state_of(handle) == before


def test_every_step_is_on_record_before_the_next_is_made(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    platform.faults["apply server"] = Killed()
    with pytest.raises(Killed):
        handle.run()
    assert list(state_of(handle).records) == ["disk"]
    platform.calls.clear()
    assert handle.run().changed
    assert platform.calls[:1] == ["apply server"]


def test_a_resource_that_was_made_but_not_recorded_is_made_again_by_the_same_name(
    declare: Declare, platform: FakePlatform
) -> None:
    handle = declare()
    platform.faults["apply disk after"] = Killed()
    with pytest.raises(Killed):
        handle.run()
    handle.run()
    assert sorted(step for _, step in platform.resources) == ["disk", "server"]


def test_what_a_killed_first_run_left_can_be_removed(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    platform.faults["apply server after"] = Killed()
    with pytest.raises(Killed):
        handle.run()
    assert handle.remove()
    assert (platform.resources, handle.state()) == ({}, None)


def test_until_the_gate_has_been_passed_a_deployment_is_not_running(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    platform.faults["interface"] = Killed()
    with pytest.raises(Killed):
        handle.run()
    assert handle.status().phase is Phase.STARTING
    handle.run()
    assert handle.status() == Status(Phase.RUNNING)


def test_a_wrong_answer_puts_the_last_release_back(declare: Declare, platform: FakePlatform, project: Project) -> None:
    before = declare().run().state
    platform.wrong.add(digest(project, "triple"))
    handle = declare("triple")
    with pytest.raises(GateError, match=r"release 1 .* serves again"):
        handle.run()
    state = state_of(handle)
    assert (state.records, state.releases, state.model_hash) == (before.records, before.releases, before.model_hash)
    assert handle.status() == Status(Phase.RUNNING)
    assert handle.get_client().interface.digest == digest(project, "double")


def test_a_failing_step_puts_the_last_release_back_and_keeps_its_own_error(
    declare: Declare, platform: FakePlatform
) -> None:
    declare().run()
    platform.faults["apply server"] = PlatformError("no capacity", hint="wait")
    with pytest.raises(PlatformError, match="no capacity") as caught:
        declare("triple").run()
    assert (caught.value.exit_code, caught.value.hint) == (7, "wait")
    assert declare().status() == Status(Phase.RUNNING)


def test_when_putting_back_fails_too_both_failures_are_told(
    declare: Declare, platform: FakePlatform, project: Project
) -> None:
    declare().run()
    platform.faults["apply server after"] = PlatformError("no capacity")
    platform.wrong.add(digest(project, "double"))
    with pytest.raises(PlatformError, match=r"no capacity\nrelease 1 could not be put back either: ") as caught:
        declare("triple").run()
    assert caught.value.hint == "mlem deployment status app"


def test_a_first_release_that_fails_leaves_its_journal(
    declare: Declare, platform: FakePlatform, project: Project
) -> None:
    platform.wrong.add(digest(project, "double"))
    handle = declare()
    with pytest.raises(GateError, match="no earlier release"):
        handle.run()
    assert (list(state_of(handle).records), state_of(handle).releases) == (["disk", "server"], ())


def test_a_first_run_that_fails_speaks_of_no_earlier_release(declare: Declare, platform: FakePlatform) -> None:
    platform.faults["apply disk"] = PlatformError("no credit")
    with pytest.raises(PlatformError) as caught:
        declare().run()
    assert caught.value.message == "no credit"


def test_a_changed_field_says_what_changes_and_what_it_costs(declare: Declare, platform: FakePlatform) -> None:
    declare().run()
    handle = declare(size=3)
    assert handle.plan() == (Change("disk", "keep"), Change("server", "replace", "size 1 -> 3", "some seconds"))
    platform.calls.clear()
    handle.run()
    assert platform.calls[:1] == ["apply server"]


def test_what_is_gone_from_the_platform_is_made_again_as_the_same_release(
    declare: Declare, platform: FakePlatform
) -> None:
    handle = declare()
    handle.run()
    platform.resources.pop((state_of(handle).lineage, "server"))
    assert handle.status() == Status(Phase.CRASHED, "the server is gone")
    assert handle.plan()[1] == Change("server", "create", "gone from the platform")
    handle.run()
    assert [release.number for release in handle.releases()] == [1]


def test_rollback_puts_content_back_under_a_new_number(declare: Declare, project: Project) -> None:
    declare().run()
    handle = declare("triple")
    handle.run()
    release = handle.rollback()
    assert (release.number, release.rollback_of, release.model_hash) == (3, 1, digest(project, "double"))
    assert handle.get_client().interface.digest == digest(project, "double")
    assert handle.rollback(2).model_hash == digest(project, "triple")


def test_rollback_needs_an_earlier_release(declare: Declare) -> None:
    handle = declare()
    with pytest.raises(NotFoundError, match="not deployed"):
        handle.rollback()
    handle.run()
    with pytest.raises(NotFoundError, match="no earlier release"):
        handle.rollback()
    with pytest.raises(NotFoundError, match="no release 7"):
        handle.rollback(7)


def test_as_many_releases_are_kept_as_declared(declare: Declare, platform: FakePlatform) -> None:
    for size in (1, 2, 3, 4):
        declare(size=size, keep_releases=2).run()
    assert [release.number for release in declare().releases()] == [4, 3]
    assert platform.calls[-2:] == ["prune server keep 2", "prune disk keep 2"]


def test_a_step_that_is_not_declared_any_more_is_removed(declare: Declare, platform: FakePlatform) -> None:
    declare().run()
    handle = declare(disk=False)
    assert Change("disk", "remove", "not declared any more") in handle.plan()
    handle.run()
    assert list(state_of(handle).records) == ["server"]
    assert {change.action for change in handle.plan()} == {"keep"}


def test_remove_goes_in_reverse_and_resumes(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    handle.run()
    platform.calls.clear()
    platform.faults["remove disk"] = PlatformError("busy")
    with pytest.raises(PlatformError, match="busy"):
        handle.remove()
    assert list(state_of(handle).records) == ["disk"]
    assert handle.remove()
    assert platform.calls == ["remove server", "remove disk", "remove server", "remove disk"]
    assert not handle.remove()


def test_a_lock_taken_by_hand_keeps_runs_out_until_it_is_released(declare: Declare) -> None:
    handle = declare()
    held = handle.hold("freeze before the audit")
    with pytest.raises(LockedError, match="freeze before the audit"):
        handle.run()
    named = replace(handle, lock=LockOptions(id=held.id))
    named.run()
    assert handle.holder() == held
    with pytest.raises(ConflictError, match=held.id):
        handle.release_lock("another")
    assert handle.release_lock(held.id) == held
    assert handle.holder() is None
    handle.run()


def test_a_lock_can_be_taken_by_hand_before_the_first_run(declare: Declare) -> None:
    handle = declare()
    handle.hold()
    assert handle.status() == Status(Phase.NOT_DEPLOYED)
    with pytest.raises(LockedError):
        handle.run()
    handle.release_lock()
    handle.run()
    assert handle.status() == Status(Phase.RUNNING)


def test_a_state_of_another_project_is_refused(declare: Declare, project: Project) -> None:
    declare().run()
    (project.folder / ".mlem.yaml").write_text("project: {id: another}\n")
    with pytest.raises(ConflictError, match="another project"):
        declare().run()


def test_an_error_while_the_lock_is_held_frees_it(declare: Declare, platform: FakePlatform) -> None:
    platform.faults["apply disk"] = PlatformError("down")
    handle = declare()
    with pytest.raises(MlemError):
        handle.run()
    assert handle.holder() is None
    handle.run()


def test_an_exception_of_a_callers_report_puts_the_last_good_release_back(
    declare: Declare, platform: FakePlatform, project: Project
) -> None:
    declare().run()

    # a program's own function: this file is of the package that has the plugin in memory
    program: dict[str, Any] = {"__name__": "program"}
    exec("def report(line):\n    return 1 / (not line.startswith(('waiting', 'failed')))", program)
    handle = replace(declare("triple"), report=program["report"])
    with pytest.raises(ZeroDivisionError) as caught:
        handle.run()
    assert f"release 1 (model {digest(project, 'double')}) serves again" in caught.value.__notes__
    state = state_of(handle)
    assert (state.model_hash, state.lock, platform.served[state.lineage].digest) == (
        digest(project, "double"),
        None,
        state.model_hash,
    )
    with pytest.raises(ZeroDivisionError):
        handle.rollback(1)
    assert declare("triple").run().changed


def test_credentials_that_expire_while_a_step_is_recorded_say_what_may_serve(
    declare: Declare, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare().run()
    handle = declare("triple")
    write, refused = handle.target.store.write, CredentialsError("the token has expired", hint="log in")

    def expire(name: str, data: bytes, expect: str) -> str:
        if "apply server" in platform.calls:
            raise refused
        return write(name, data, expect)

    platform.calls.clear()
    monkeypatch.setattr(type(handle.target.store), "write", lambda _self, *arguments: expire(*arguments))
    with pytest.raises(CredentialsError, match="the token has expired") as caught:
        handle.run()
    message = caught.value.message
    assert "release 1 could not be put back either: the token has expired" in message
    assert "may serve already, and has not passed the gate" in message
    assert (
        "when that is put right, repeat the command; or put the release back: mlem deployment rollback app --to 1"
        in message
    )


def with_folder(record: Record, value: Any) -> Record:
    return type(record).from_data({**record.to_data(), "disk": {"folder": value}})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Path("/data"), "disk.folder is a PosixPath"),
        ({1: "a"}, "disk.folder has the key 1"),
        ([1, {2}], "disk.folder[1] is a set"),
        (float("nan"), "disk.folder is nan"),
        (b"x", "disk.folder is a bytes"),
        (Phase.RUNNING, "disk.folder is a Phase"),
    ],
)
def test_a_record_that_a_state_can_not_keep_is_told_before_anything_is_made(
    declare: Declare, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, value: Any, words: str
) -> None:
    handle = declare()
    wanted, apply = DiskStep.wanted, DiskStep.apply
    with monkeypatch.context() as patch:
        patch.setattr(DiskStep, "wanted", lambda *given: with_folder(wanted(*given), value))
        for command in (handle.plan, handle.run):
            with pytest.raises(
                PluginError, match=re.escape(f'step "disk" returned from wanted what a state can\'t keep: {words}')
            ):
                command()
    assert platform.calls == []
    handle.run()
    monkeypatch.setattr(DiskStep, "apply", lambda *given: with_folder(apply(*given), value))
    changed = declare("triple")
    with pytest.raises(
        PluginError, match=re.escape(f'step "disk" returned from apply what a state can\'t keep: {words}')
    ):
        changed.run()
    assert state_of(changed).lock is None


def test_a_first_run_that_is_refused_leaves_no_state(
    declare: Declare, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = declare()
    with monkeypatch.context() as patch:
        patch.setattr(DiskStep, "wanted", lambda *_given: {"model_hash": None})
        with pytest.raises(
            PluginError, match='step "disk" returned from wanted what a state can\'t keep: a dict, and not a DiskRecord'
        ):
            handle.run()
    assert (handle.state(), platform.calls) == (None, [])
    platform.faults["apply disk"] = PlatformError("no capacity")
    with pytest.raises(PlatformError):
        handle.run()
    assert handle.state() is not None, "it may have made something"


def adopted(handle: DeploymentHandle) -> State:
    """Make of what runs what MLEM 0.4 deployed: nothing is known of its answers."""
    state = state_of(handle)
    [release] = state.releases
    target = handle.target
    found = target.store.read("app")
    assert found is not None
    made = state.model_copy(update={"releases": (release.model_copy(update={"adopted": True}),)})
    target.store.write("app", made.to_bytes(), found.version)
    return made


def test_what_mlem_04_deployed_serves_again_when_its_successor_fails_and_is_not_asked(
    declare: Declare, platform: FakePlatform
) -> None:
    declare().run()
    before = adopted(declare())
    platform.wrong.add(before.releases[0].model_hash)  # it does not answer as a model of ours would
    platform.faults["apply server"] = PlatformError("no")
    with pytest.raises(PlatformError, match=r"release 1 .* serves again"):
        declare("triple").run()
    after = state_of(declare())
    assert (after.releases[0].adopted, after.records) == (True, before.records)
    assert declare().status() == Status(Phase.RUNNING)


def test_there_is_no_way_back_to_what_mlem_04_deployed(declare: Declare, platform: FakePlatform) -> None:
    declare().run()
    adopted(declare())
    handle = declare("triple")
    handle.run()
    assert [(release.number, release.adopted) for release in state_of(handle).releases] == [(2, False)]
    with pytest.raises(NotFoundError, match="no earlier release"):
        handle.rollback()
