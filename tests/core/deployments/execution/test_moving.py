"""States under one manager or another: found, moved, pushed, never mixed up. On the platform in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.deployments.deployment import Phase, Status
from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.execution.moving import move, push
from mlem.deployments.handle import DeploymentHandle
from mlem.state.locks.request import LockRequest
from mlem.state.state import State
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import ConflictError, LockedError, NotFoundError, UserError

Declare = Callable[..., DeploymentHandle]


@pytest.fixture
def shared(tmp_path: Path) -> str:
    return (tmp_path / "shared").as_uri()


@pytest.fixture
def declare(project: Project, platform: FakePlatform) -> Declare:
    def declare(project: Project = project, **fields: Any) -> DeploymentHandle:
        api.declare_deployment("fake", str(project.folder / "app"), {"model": str(project.folder / "double"), **fields})
        return project.handle("app")

    return declare


def configure(project: Project, uri: str | None) -> None:
    lines = [line for line in (project.folder / ".mlem.yaml").read_text().splitlines() if not line.startswith("core")]
    core = [f"core: {{state: {{uri: '{uri}'}}}}"] if uri else []
    (project.folder / ".mlem.yaml").write_text("\n".join([*lines, *core]) + "\n")


def at(tmp_path: Path, name: str = "app") -> Path:
    return tmp_path / "shared" / ".mlem.state" / f"{name}.mlem.state"


def test_the_layout_is_that_of_the_documents(declare: Declare, project: Project, shared: str, tmp_path: Path) -> None:
    configure(project, shared)
    declare().run()
    assert State.from_bytes(at(tmp_path).read_bytes(), "copy").records.keys() == {"disk", "server"}
    assert not (project.folder / "app.mlem.state").exists()


def test_a_deployment_made_under_one_manager_is_not_called_not_deployed_under_another(
    declare: Declare, project: Project, shared: str
) -> None:
    declare().run()
    configure(project, shared)
    for ask in (
        DeploymentHandle.status,
        DeploymentHandle.state,
        DeploymentHandle.run,
        DeploymentHandle.plan,
        DeploymentHandle.hold,
    ):
        with pytest.raises(ConflictError, match="was deployed with its state in") as caught:
            ask(declare())
        assert (caught.value.code, caught.value.hint) == (
            "other-manager",
            f"take it along: mlem deployment state move app {shared}",
        )


def test_a_deployment_made_in_a_shared_store_is_found_when_the_setting_is_gone(
    declare: Declare, project: Project, shared: str
) -> None:
    configure(project, shared)
    declare().run()
    configure(project, None)
    with pytest.raises(ConflictError, match=r"asked was files beside the declarations") as caught:
        declare().status()
    assert caught.value.hint == "take it along: mlem deployment state move app local"


def test_a_declarations_own_manager_goes_before_the_projects(
    declare: Declare, project: Project, shared: str, tmp_path: Path
) -> None:
    configure(project, shared)
    handle = declare(state_manager="local")
    handle.run()
    assert (project.folder / "app.mlem.state").exists()
    assert not at(tmp_path).exists()


def test_a_state_moves_there_and_back_with_everything_in_it(
    declare: Declare, project: Project, shared: str, platform: FakePlatform
) -> None:
    before = declare().run().state
    configure(project, shared)
    old, new = move(declare().target, shared, LockOptions())
    assert (Path(old).name, new) == ("app.mlem.state", f"{shared}/.mlem.state/app.mlem.state")
    assert not (project.folder / "app.mlem.state").exists()
    moved = declare().state()
    assert moved is not None
    volatile = {"nonce", "serial", "lock"}
    assert moved.model_dump(exclude=volatile) == before.model_dump(exclude=volatile)
    assert declare().status() == Status(Phase.RUNNING)
    assert declare().run().changed is False
    configure(project, None)
    move(declare().target, "local", LockOptions())
    assert declare().status() == Status(Phase.RUNNING)
    assert sorted(path.name for path in project.folder.glob("app*")) == [
        "app.mlem",
        "app.mlem.state",
        "app.mlem.state.lock",
    ]
    assert sorted(step for _, step in platform.resources) == ["disk", "server"]


def test_a_move_that_was_interrupted_between_the_stores_is_finished_by_the_next(
    declare: Declare, project: Project, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare().run()
    configure(project, shared)
    from mlem.state.locks.session import Session

    with monkeypatch.context() as patch:

        def killed(_self: Session) -> None:
            raise KeyboardInterrupt

        patch.setattr(Session, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            move(declare().target, shared, LockOptions())
    with pytest.raises(ConflictError, match="was deployed with its state in"):
        declare().run()
    move(declare().target, shared, LockOptions())
    assert declare().status() == Status(Phase.RUNNING)
    assert not (project.folder / "app.mlem.state").exists()


def test_what_is_not_deployed_or_there_already_can_not_be_moved(
    declare: Declare, project: Project, shared: str
) -> None:
    with pytest.raises(NotFoundError, match="has no state to move"):
        move(declare().target, shared, LockOptions())
    configure(project, shared)
    declare().run()
    with pytest.raises(UserError, match="already"):
        move(declare().target, shared, LockOptions())


def test_a_state_does_not_move_while_a_command_is_at_work(declare: Declare, project: Project, shared: str) -> None:
    declare().run()
    declare().hold("audit")
    with pytest.raises(LockedError, match="audit"):
        move(declare().target, shared, LockOptions())


def test_two_projects_on_one_uri_do_not_take_each_others_states(
    declare: Declare, project: Project, shared: str, tmp_path: Path, platform: FakePlatform
) -> None:
    other = Project.make(tmp_path / "other")
    other.save("double", 2.0)
    for one in (project, other):
        configure(one, shared)
    mine = declare().run().state
    before = at(tmp_path).read_bytes()
    theirs = declare(other)
    for act in (theirs.run, theirs.remove, theirs.rollback, theirs.hold, theirs.status):
        with pytest.raises(ConflictError, match="another project"):
            act()
    # Not even for the time of a lock.
    assert at(tmp_path).read_bytes() == before
    assert declare().state() is not None
    assert platform.resources.keys() == {(mine.lineage, "disk"), (mine.lineage, "server")}


def test_a_shared_store_needs_a_project_with_an_id(declare: Declare, project: Project, shared: str) -> None:
    (project.folder / ".mlem.yaml").write_text(f"core: {{state: {{uri: '{shared}'}}}}\n")
    with pytest.raises(UserError, match="this one has no id") as caught:
        declare().run()
    assert caught.value.hint == f"mlem init {project.folder}"


def test_remove_leaves_neither_state_nor_trace(declare: Declare, project: Project, shared: str, tmp_path: Path) -> None:
    configure(project, shared)
    declare().run()
    assert (project.folder / "app.mlem.state.at").exists()
    declare().remove()
    assert declare().status() == Status(Phase.NOT_DEPLOYED)
    assert (at(tmp_path).exists(), (project.folder / "app.mlem.state.at").exists()) == (False, False)
    configure(project, None)
    assert declare().status() == Status(Phase.NOT_DEPLOYED)


def test_a_state_that_was_kept_is_pushed_once(declare: Declare, project: Project, shared: str) -> None:
    configure(project, shared)
    state = declare().run().state
    kept = state.with_record("disk", {"id": "made while the store was away"}).model_copy(
        update={"serial": state.serial + 1}
    )
    path = project.folder / "app.errored.mlem.state"
    path.write_bytes(kept.to_bytes())
    pushed, written = push(declare().target, LockOptions())
    assert (pushed.records, written, path.exists()) == (kept.records, True, False)
    found = declare().state()
    assert found is not None
    assert (found.records, found.serial, found.lock) == (kept.records, kept.serial, None)
    path.write_bytes(kept.to_bytes())
    assert push(declare().target, LockOptions())[1] is False
    with pytest.raises(NotFoundError, match="is kept to be pushed"):
        push(declare().target, LockOptions())


def test_a_kept_state_that_others_went_on_from_is_not_pushed(declare: Declare, project: Project, shared: str) -> None:
    configure(project, shared)
    state = declare().run().state
    path = project.folder / "app.errored.mlem.state"
    path.write_bytes(
        state.with_record("disk", {"id": "old"}).model_copy(update={"serial": state.serial - 1}).to_bytes()
    )
    with pytest.raises(ConflictError, match="went on meanwhile"):
        push(declare().target, LockOptions())
    path.write_bytes(state.model_copy(update={"lineage": "9" * 32, "serial": 99}).to_bytes())
    with pytest.raises(ConflictError, match="another deployment"):
        push(declare().target, LockOptions())
    assert path.exists()


def test_a_command_that_died_gives_its_lock_up_by_id(declare: Declare, project: Project, shared: str) -> None:
    configure(project, shared)
    handle = declare()
    handle.run()
    target = handle.target
    from mlem.state.locks.owner import new_lock

    lock = new_lock("run", id_="ci-9").model_copy(update={"host": "far/boot"})
    with target.manager.session(LockRequest(target.store, "app", lock)):
        with pytest.raises(LockedError, match="may be alive") as caught:
            declare().release_lock()
        assert caught.value.hint == "if it is not: mlem deployment lock release app --id ci-9"
        with pytest.raises(ConflictError, match="ci-9"):
            declare().release_lock("ci-8")
        released = declare().release_lock("ci-9")
        assert released is not None
        assert released.id == "ci-9"
        assert declare().holder() is None
    assert declare().holder() is None
