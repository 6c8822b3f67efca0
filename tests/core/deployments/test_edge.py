"""What is raised in the middle of a run by code that is not ours.

Told for what it is, and the last good release serves again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from mlem import api, hookimpl
from mlem.clients.client import Client
from mlem.deployments.deployment import Status
from mlem.deployments.edge import failure_of, plugin_edge
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.step import Context, Step
from mlem.state.record import Record
from mlem.testing import Project
from mlem.testing.fake import DiskStep, FakeDeployment, FakeEnv, FakePlatform, ServerStep, reset
from mlem_model.errors import PluginError
from mlem_model.plugins.kinds import BASE
from mlem_model.plugins.registry import Plugin, Registry, installed_plugins, using

DISTRIBUTION = "mlem-provider-their 1.2"
FAULTS: dict[str, list[BaseException | None]] = {}
"""What the next calls of a function raise."""


def faulty(where: str) -> None:
    fault = FAULTS[where].pop(0) if FAULTS.get(where) else None
    if fault is not None:
        raise fault


class TheirServer(ServerStep):
    def wanted(self, ctx: Context) -> Record | None:
        faulty("wanted")
        return super().wanted(ctx)

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        faulty("apply")
        return super().apply(ctx, wanted, recorded)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        faulty("prune")


class TheirEnv(FakeEnv):
    type: ClassVar[str] = "their"
    deployment_type: ClassVar[str] = "their_app"


class TheirDeployment(FakeDeployment):
    type: ClassVar[str] = "their_app"
    env_type: ClassVar[str] = "their"

    def steps(self, ctx: Context) -> Sequence[Step]:
        return [DiskStep(), TheirServer()]

    def status(self, ctx: Context, state: Any) -> Status:
        faulty("status")
        return super().status(ctx, state)

    def client(self, ctx: Context, state: Any) -> Client:
        faulty("client")
        return super().client(ctx, state)

    def address(self, ctx: Context, state: Any) -> str | None:
        faulty("address")
        return None

    def logs(self, ctx: Context, state: Any, *, follow: bool, tail: int | None) -> Iterator[str]:
        faulty("logs")
        yield "a line"


@hookimpl
def mlem_envs() -> list[type[Any]]:
    return [TheirEnv]


@hookimpl
def mlem_deployments() -> list[type[Any]]:
    return [TheirDeployment]


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    module = SimpleNamespace(__name__="their_provider.plugin", mlem_envs=mlem_envs, mlem_deployments=mlem_deployments)
    core = [plugin for plugin in installed_plugins() if plugin.distribution_name in BASE]
    registry = Registry([*core, Plugin("their", DISTRIBUTION, lambda: module)])
    FAULTS.clear()
    with using(registry):
        yield reset()


@pytest.fixture
def deployed(project: Project, platform: FakePlatform) -> Callable[[str], DeploymentHandle]:
    """The first release serves the model ``double``; the declaration is as it is asked for."""

    def handle(model: str) -> DeploymentHandle:
        api.declare_deployment("their", str(project.folder / "app"), {"model": str(project.folder / model)})
        return project.handle("app")

    handle("double").run()
    return handle


def served(handle: DeploymentHandle, platform: FakePlatform, project: Project) -> tuple[bool, list[int]]:
    """Say whether the model ``double`` is what serves, and which releases there are."""
    state = handle.state()
    assert state is not None
    model = api.load_meta("double", str(project.folder))
    return platform.served[state.lineage].digest == model.digest, [release.number for release in state.releases]


class Odd(BaseException):
    """Neither an interrupt nor an `Exception`."""


@pytest.mark.parametrize("fault", [KeyError("port"), SystemExit(5), Odd("port"), RecursionError("too deep")], ids=repr)
@pytest.mark.parametrize("where", ["apply", "status", "client"])
def test_what_a_provider_raises_puts_the_last_release_back(
    deployed: Callable[[str], DeploymentHandle],
    platform: FakePlatform,
    project: Project,
    where: str,
    fault: BaseException,
) -> None:
    handle = deployed("triple")
    FAULTS[where] = [None, fault] if where == "status" else [fault]  # the first look is at what is replaced
    with pytest.raises(PluginError) as caught:
        handle.run()
    subject = 'step "server" of deployment type "their_app"' if where == "apply" else 'deployment type "their_app"'
    words = f"{type(fault).__name__}: {fault}"
    digest = api.load_meta("double", str(project.folder)).digest
    assert caught.value.message.splitlines() == [
        f"{subject} failed in {where}: {words} ({DISTRIBUTION})",
        f"release 1 (model {digest}) serves again",
    ]
    assert (caught.value.code, caught.value.exit_code, caught.value.__cause__) == ("plugin-failed", 3, fault)
    assert served(handle, platform, project) == (True, [1])


def test_a_report_that_raises_puts_the_last_release_back_and_is_raised_itself(
    deployed: Callable[[str], DeploymentHandle], platform: FakePlatform, project: Project
) -> None:
    def report(line: str) -> None:
        raise ValueError("the screen is gone")

    handle = replace(deployed("triple"), report=report)
    with pytest.raises(ValueError, match="the screen is gone") as caught:
        handle.run()
    assert [note.startswith("release 1 ") for note in caught.value.__notes__] == [True]
    assert served(handle, platform, project) == (True, [1])


def test_a_provider_that_can_not_say_whether_it_crashed_is_replaced_all_the_same(
    deployed: Callable[[str], DeploymentHandle], platform: FakePlatform, project: Project
) -> None:
    handle = deployed("triple")
    FAULTS["status"] = [SystemExit(5)]
    assert handle.run().changed
    assert served(handle, platform, project) == (False, [2, 1])


def test_an_interrupt_leaves_the_journal_as_it_stands(
    deployed: Callable[[str], DeploymentHandle], platform: FakePlatform, project: Project
) -> None:
    handle = deployed("triple")
    FAULTS["client"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        handle.run()
    assert served(handle, platform, project) == (False, [1])
    assert handle.run().changed


def test_a_provider_that_fails_again_while_it_puts_back_is_told_with_both(
    deployed: Callable[[str], DeploymentHandle], platform: FakePlatform
) -> None:
    handle = deployed("triple")
    FAULTS["client"], FAULTS["apply"] = [ValueError("first")], [None, KeyError("second")]
    with pytest.raises(PluginError) as caught:
        handle.run()
    of = 'deployment type "their_app"'
    assert caught.value.message.splitlines()[:2] == [
        f"{of} failed in client: ValueError: first ({DISTRIBUTION})",
        f'release 1 could not be put back either: step "server" of {of} failed in apply: '
        f"KeyError: 'second' ({DISTRIBUTION})",
    ]


@pytest.mark.parametrize("where", ["address", "logs", "client", "status"])
def test_what_a_provider_raises_when_it_is_asked_is_an_error_of_ours(
    deployed: Callable[[str], DeploymentHandle], where: str
) -> None:
    handle = deployed("double")
    FAULTS[where] = [ZeroDivisionError("a\nb" * 300)]
    ask: dict[str, Callable[[], Any]] = {
        "address": handle.address,
        "logs": lambda: [*handle.logs()],
        "client": handle.get_client,
        "status": handle.status,
    }
    with pytest.raises(PluginError) as caught:
        ask[where]()
    assert caught.value.message.startswith(
        f'deployment type "their_app" failed in {where}: ZeroDivisionError: a ba ba b'
    )
    assert (len(caught.value.message) < 500, "\n" in caught.value.message) == (True, False)


@pytest.mark.parametrize(
    ("function", "answer", "told"),
    [
        ("steps", None, "gave what can't be used by changes_of: TypeError: 'NoneType' object is not iterable"),
        (
            "steps",
            [object()],
            "gave what can't be used by wanted_of: AttributeError: 'object' object has no attribute 'wanted'",
        ),
        (
            "status",
            "running",
            "gave what can't be used by await_status: AttributeError: 'str' object has no attribute 'phase'",
        ),
    ],
)
def test_an_answer_that_is_not_what_the_contract_says_is_the_providers_fault(
    deployed: Callable[[str], DeploymentHandle], monkeypatch: pytest.MonkeyPatch, function: str, answer: Any, told: str
) -> None:
    handle = deployed("triple")
    monkeypatch.setattr(TheirDeployment, function, lambda *_args: answer)
    with pytest.raises(PluginError) as caught:
        handle.run()
    assert caught.value.message.splitlines()[0] == f'deployment type "their_app" {told} ({DISTRIBUTION})'


def test_a_defect_of_ours_is_left_alone() -> None:
    def defect() -> None:
        with plugin_edge():
            raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours") as caught:
        defect()
    assert failure_of(caught.value) is None


def test_a_declaration_says_who_made_it(deployed: Callable[[str], DeploymentHandle]) -> None:
    handle = deployed("double")
    state = handle.state()
    assert state is not None
    assert handle.deployment.to_data()["made_by"] == DISTRIBUTION
    assert (state.declaration["made_by"], state.declaration["env"]["made_by"]) == (DISTRIBUTION, DISTRIBUTION)
