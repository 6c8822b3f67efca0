"""Waiting for a status, on a platform in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mlem import api
from mlem.deployments.deployment import Phase, Status
from mlem.deployments.handle import DeploymentHandle
from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import PlatformError, UserError, WaitTimeoutError

LONG_S = 600.0
"""Longer than any test may take: who sits out this time fails."""


@pytest.fixture
def handle(project: Project, platform: FakePlatform) -> DeploymentHandle:
    return api.deploy("fake", "app", model="double", project=project.folder)


@pytest.mark.parametrize(
    "wanted",
    [Phase.RUNNING, "running", ["running"], (Phase.RUNNING, "stopped"), {"running"}, iter(["crashed", "running"])],
)
def test_a_status_is_waited_for_by_itself_or_among_others(handle: DeploymentHandle, wanted: Any) -> None:
    assert handle.wait(wanted, timeout_s=LONG_S) == Status(Phase.RUNNING)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("runing", 'no status "runing"'),
        ("r", 'no status "r"'),
        (["running", "up"], 'no status "up"'),
        ("", 'no status ""'),
        ([], "no status to wait for is named"),
        (3, 'no status "3"'),
        (None, 'no status "None"'),
    ],
)
def test_what_is_no_status_is_refused_with_the_known_ones(handle: DeploymentHandle, wanted: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        handle.wait(wanted, timeout_s=LONG_S)
    assert (caught.value.message, caught.value.known) == (message, tuple(status.value for status in Phase))


def test_waiting_for_what_has_crashed_ends_at_once_with_the_reason(
    handle: DeploymentHandle, platform: FakePlatform
) -> None:
    platform.resources.clear()
    with pytest.raises(PlatformError) as caught:
        handle.wait(timeout_s=LONG_S)
    expected = ('"app" is crashed: the server is gone', "crashed", 7, "mlem deployment logs app")
    assert (caught.value.message, caught.value.code, caught.value.exit_code, caught.value.hint) == expected
    assert handle.wait(["running", "crashed"], timeout_s=LONG_S).phase == "crashed"
    with pytest.raises(WaitTimeoutError):
        handle.wait("stopped", timeout_s=0.05)


def test_what_has_crashed_is_waited_for_while_a_command_mends_it(
    handle: DeploymentHandle, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = dict(platform.resources)
    platform.resources.clear()
    looked = threading.Event()
    look: Callable[..., Status] = type(handle.deployment).status

    def noted(self: Any, *args: Any) -> Status:
        looked.set()
        return look(self, *args)

    monkeypatch.setattr(type(handle.deployment), "status", noted)
    found: list[Status] = []
    with handle.target.manager.session(
        LockRequest(handle.target.store, handle.target.name, new_lock("run"), timeout_s=60)
    ):
        waiter = threading.Thread(target=lambda: found.append(handle.wait(timeout_s=LONG_S)))
        waiter.start()
        for _ in range(2):  # the second look says that the first did not end it
            looked.clear()
            assert looked.wait(LONG_S)
        platform.resources.update(lost)
        waiter.join(LONG_S)
    assert found == [Status(Phase.RUNNING)]


def test_waiting_for_its_removal_ends_with_it(handle: DeploymentHandle) -> None:
    found: list[Any] = []
    waiter = threading.Thread(target=lambda: found.append(handle.wait("not_deployed", timeout_s=LONG_S)))
    waiter.start()
    handle.remove()
    waiter.join(LONG_S)
    assert found == [Status(Phase.NOT_DEPLOYED)]
