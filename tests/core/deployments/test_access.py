"""Logs of before, commands, maintenance and expiry: what the engine does of it, on a platform in memory."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlem import api
from mlem.deployments.access.streams import Streams
from mlem.deployments.deployment import CAPABILITIES
from mlem.deployments.handle import DeploymentHandle
from mlem.testing import Project
from mlem.testing.fake import FakeDeployment, FakePlatform
from mlem_model.errors import MlemError, NotFoundError, PlatformError, UserError
from mlem_model.interrupts import Terminated


@pytest.fixture
def handle(project: Project, platform: FakePlatform) -> DeploymentHandle:
    return api.deploy("fake", "app", model="double", project=project.folder)


CALLS: dict[str, Callable[[DeploymentHandle], Any]] = {
    "previous-logs": lambda one: list(one.logs(previous=True)),
    "exec": lambda one: one.exec(["ls"], stdout=io.BytesIO()),
    "maintenance": lambda one: one.maintenance(),
}


@pytest.mark.parametrize("capability", CALLS)
@pytest.mark.parametrize("told", [True, False])
def test_what_a_type_can_not_do_is_refused_with_those_that_can(
    handle: DeploymentHandle, monkeypatch: pytest.MonkeyPatch, capability: str, told: bool
) -> None:
    """Whether it says so by its capabilities, or by having no such method."""
    CALLS[capability](handle)
    if told:
        monkeypatch.setattr(FakeDeployment, "capabilities", FakeDeployment.capabilities - {capability})
    else:
        monkeypatch.delattr(FakeDeployment, capability.replace("-", "_"))
    with pytest.raises(UserError) as caught:
        CALLS[capability](handle)
    command = CAPABILITIES[capability][0].partition(",")[0]
    assert (caught.value.code, caught.value.message, caught.value.known) == (
        f"no-{capability}",
        f"a fake_deployment deployment can't do this: mlem deployment {command}",
        () if told else ("fake_deployment",),
    )


@pytest.mark.parametrize("capability", CALLS)
def test_nothing_is_done_with_what_is_not_deployed(handle: DeploymentHandle, capability: str) -> None:
    handle.remove()
    with pytest.raises(NotFoundError) as caught:
        CALLS[capability](handle)
    assert caught.value.code == "not-deployed"


def test_lines_of_before_by_time_and_number(handle: DeploymentHandle, platform: FakePlatform) -> None:
    lines = [f"2026-11-27T0{hour}:00:00Z line {hour}" for hour in range(3)]
    assert list(handle.logs(previous=True)) == lines
    assert list(handle.logs(previous=True, tail=1)) == lines[2:]
    assert list(handle.logs(previous=True, tail=0)) == []
    assert list(handle.logs(previous=True, since=datetime(2026, 11, 27, 1, tzinfo=UTC), tail=5)) == lines[1:]
    assert list(handle.logs(previous=True, since=timedelta(days=3650))) == lines
    platform.faults["previous logs"] = NotFoundError("none", code="no-previous-log")
    with pytest.raises(NotFoundError, match="none"):
        list(handle.logs(previous=True))
    with pytest.raises(UserError) as caught:
        handle.logs(previous=True, follow=True)
    assert caught.value.code == "previous-log-ended"


def test_a_command_runs_in_what_serves_and_not_in_what_failed_its_gate(
    handle: DeploymentHandle, project: Project, platform: FakePlatform
) -> None:
    state, output = handle.state(), io.BytesIO()
    assert state is not None
    platform.faults["interface"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        api.deploy("fake", "app", model="triple", project=project.folder)
    assert handle.exec(["ls", "-l"], stdout=output) == 2
    assert output.getvalue().decode() == f"{state.records['server']['id']} ls -l"


@pytest.mark.parametrize("wrong", ["ls -l", "", [], (), ["ls", 1], [None], ["a\0b"], b"ls", 3, None])
def test_what_is_no_command_is_refused(handle: DeploymentHandle, wrong: Any) -> None:
    with pytest.raises(UserError) as caught:
        handle.exec(wrong)
    assert caught.value.code == "bad-command"


def test_maintenance_is_under_the_lock_and_in_the_history(handle: DeploymentHandle, platform: FakePlatform) -> None:
    assert [handle.maintenance(), handle.maintenance(True), handle.maintenance(), handle.maintenance(False)] == [
        False,
        True,
        True,
        False,
    ]
    platform.faults["maintenance"] = PlatformError("no")
    with pytest.raises(PlatformError):
        handle.maintenance(True)
    events = [(event.what, event.outcome, event.words) for event in handle.history()]
    assert events[1:] == [
        ("maintenance", "done", "on"),
        ("maintenance", "done", "off"),
        ("maintenance", "failed", "no"),
    ]
    held = handle.hold("not now")
    with pytest.raises(MlemError) as caught:
        DeploymentHandle(handle.target, lock=type(handle.lock)(timeout_s=0.01)).maintenance(True)
    assert (caught.value.exit_code, handle.maintenance()) == (5, False)
    handle.release_lock(held.id)


def test_every_run_says_when_it_expires_and_one_without_a_time_says_never(
    project: Project, platform: FakePlatform
) -> None:
    def told(**fields: Any) -> tuple[str | None, str | None]:
        handle = api.deploy("fake", "app", model="double", project=project.folder, **fields)
        state = handle.state()
        assert state is not None
        return platform.expires[state.lineage], state.expires

    first = told(ttl="1h")
    assert first[0] == first[1] is not None
    again = told(ttl="2h")  # the same release
    assert again[0] == again[1] > first[0]  # type: ignore[operator]  # both are there
    assert told(ttl=None) == (None, None)


def test_what_is_put_back_expires_as_before(project: Project, platform: FakePlatform) -> None:
    handle = api.deploy("fake", "app", model="double", project=project.folder, ttl="1h")
    api.deploy("fake", "app", model="triple", project=project.folder)
    state = handle.state()
    assert state is not None
    platform.expires.clear()
    handle.rollback()
    assert platform.expires == {state.lineage: state.expires}


def test_a_time_that_is_over_is_not_told(handle: DeploymentHandle, platform: FakePlatform, project: Project) -> None:
    api.deploy("fake", "app", model="triple", project=project.folder, ttl="1s")
    state = handle.state()
    assert state is not None
    assert state.expires is not None
    while datetime.fromisoformat(state.expires) > datetime.now(UTC):
        threading.Event().wait(0.05)
    handle.rollback()
    assert platform.expires == {state.lineage: None}


def test_streams_give_what_is_there_and_nothing_after_the_end() -> None:
    ended = threading.Event()
    assert list(Streams(None, io.BytesIO(), io.BytesIO()).chunks(ended)) == []
    assert b"".join(Streams(io.BytesIO(b"x" * 100_000), io.BytesIO(), io.BytesIO()).chunks(ended)) == b"x" * 100_000
    read, write = os.pipe()
    with open(read, "rb") as stdin, open(write, "wb", buffering=0) as typing:
        chunks = Streams(stdin, io.BytesIO(), io.BytesIO()).chunks(ended)
        typing.write(b"one")
        assert next(chunks) == b"one"
        typing.write(b"two")
        ended.set()
        assert list(chunks) == []
        assert os.read(stdin.fileno(), 10) == b"two", "it is left to whoever reads next"


def test_a_notebook_gets_the_output_as_text(handle: DeploymentHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()  # it has no buffer of bytes, as the streams of a notebook
    monkeypatch.setattr("sys.stdout", shown)
    assert handle.exec(["\xe9t\xe9", "-l"]) == 2
    assert shown.getvalue().endswith(" \xe9t\xe9 -l")


def test_a_reader_that_is_gone_ends_a_command_as_its_signal_does() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb", buffering=0) as stdout, pytest.raises(Terminated) as caught:
        Streams(None, stdout, io.BytesIO()).write_output(b"x")
    assert caught.value.code == 141


def test_without_a_terminal_keys_are_not_asked_for() -> None:
    sizes: list[tuple[int, int]] = []
    for stdin in (None, io.BytesIO()):
        with Streams(stdin, io.BytesIO(), io.BytesIO(), tty=True).raw(lambda *size: sizes.append(size)):
            pass
    assert sizes == []
