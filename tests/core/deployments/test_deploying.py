"""Options over a declaration: the same from Python and from the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.deployments.execution.engine import LockOptions
from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import ConflictError, DeclarationError, LockedError, NotFoundError, PluginError, UserError

DECLARED = """\
# what the team agreed on
env: {region: there}
model: double
size: 3  # small is enough
keep_releases: 5
object_type: deployment
type: fake_deployment
"""


@pytest.fixture
def declared(project: Project, platform: FakePlatform) -> Path:
    path = project.folder / "app.mlem"
    path.write_text(DECLARED)
    return path


def test_what_is_given_is_laid_over_what_is_declared(project: Project, declared: Path) -> None:
    handle = api.deploy("fake", "app", model="triple", env={"region": "here"}, project=project.folder)
    expected = DECLARED.replace("model: double", "model: triple").replace("region: there", "region: here")
    found = api.load_meta(declared)
    assert (found.size, found.keep_releases, found.model, found.env) == (3, 5, "triple", {"region": "here"})
    assert "# what the team agreed on" in declared.read_text()
    assert "# small is enough" in declared.read_text()
    assert handle.deployment == found
    assert len(declared.read_text().splitlines()) == len(expected.splitlines())
    api.deploy("fake_deployment", "app", keep_releases=None, project=project.folder)
    assert (api.load_meta(declared).keep_releases, api.load_meta(declared).size) == (3, 3)


def test_nothing_given_writes_nothing(project: Project, declared: Path) -> None:
    api.deploy("fake", "app", project=project.folder)
    assert declared.read_text() == DECLARED


WRONG: dict[str, tuple[Callable[[Project], Any], type[Exception]]] = {
    "a model that is not there": (
        lambda project: api.deploy("fake", "app", model="tripel", project=project.folder), NotFoundError
    ),
    "a type that is not installed": (
        lambda project: api.deploy("fak", "app", model="double", project=project.folder), PluginError
    ),
    "an unknown field": (
        lambda project: api.deploy("fake", "app", model="double", sise=4, project=project.folder), DeclarationError
    ),
    "a wrong value": (
        lambda project: api.deploy("fake", "app", model="double", size="big", project=project.folder), DeclarationError
    ),
    "an env that is not there": (
        lambda project: api.deploy("fake", "app", env="prd", model="double", project=project.folder), NotFoundError
    ),
    "a model that was not saved": (
        lambda project: api.deploy("fake", "app", model=3, project=project.folder), UserError
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_before_anything_is_written(
    project: Project, declared: Path, platform: FakePlatform, what: str
) -> None:
    act, kind = WRONG[what]
    with pytest.raises(kind):
        act(project)
    assert (declared.read_text(), platform.calls) == (DECLARED, [])
    declared.unlink()
    with pytest.raises(kind):
        act(project)
    assert not declared.exists()


def test_a_name_of_something_else_is_refused(project: Project, platform: FakePlatform) -> None:
    before = (project.folder / "double.mlem").read_bytes()
    with pytest.raises(ConflictError, match="exists and is not a deployment"):
        api.deploy("fake", "double", model="double", project=project.folder)
    assert (project.folder / "double.mlem").read_bytes() == before


def test_whom_the_lock_refuses_has_changed_nothing(project: Project, declared: Path, platform: FakePlatform) -> None:
    handle = api.deploy("fake", "app", project=project.folder)
    with (
        handle.target.manager.session(LockRequest(handle.target.store, "app", new_lock("run"), timeout_s=60)),
        pytest.raises(LockedError),
    ):
        api.deploy("fake", "app", model="triple", size=9, lock=LockOptions(timeout_s=0.05), project=project.folder)
    assert declared.read_text() == DECLARED
    (project.folder / "new.mlem").unlink(missing_ok=True)


def test_a_declaration_that_somebody_changes_while_a_run_waits_is_not_overwritten(
    project: Project, declared: Path, platform: FakePlatform
) -> None:
    handle = api.deploy("fake", "app", project=project.folder)
    waiting = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            api.deploy("fake", "app", size=9, report=lambda _line: waiting.set(), project=project.folder)
        except BaseException as error:
            failed.append(error)

    with handle.target.manager.session(LockRequest(handle.target.store, "app", new_lock("run"), timeout_s=60)):
        other = threading.Thread(target=run)
        other.start()
        assert waiting.wait(60)
        changed = DECLARED.replace("size: 3", "size: 4")
        declared.write_text(changed)
    other.join(60)
    assert ([getattr(error, "code", None) for error in failed], declared.read_text()) == (
        ["declaration-changed"],
        changed,
    )


def test_a_model_is_named_by_what_saving_it_or_reading_it_returned(
    project: Project, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    saved = api.save(lambda x: x, "models/new", sample_data=1, project=project.folder)
    for model in (saved, api.load_meta("models/new", project.folder), project.folder / "models" / "new.mlem"):
        handle = api.deploy("fake", project.folder / "apps" / "one", model=model)
        assert (handle.deployment.model, handle.state() is not None) == ("models/new", True)
    assert saved == api.load_meta("models/new", project.folder)
    assert "models" not in str(saved.to_data().keys())
    data = api.save([1, 2], "rows", project=project.folder)
    with pytest.raises(UserError, match="got a Dataset"):
        api.deploy("fake", project.folder / "apps" / "one", model=data)
