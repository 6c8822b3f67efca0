"""A run does not undo what somebody else did on purpose; a release says who made it, from what, and why."""

from __future__ import annotations

import getpass
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.deployments.execution.engine import LockOptions
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.releases.planned import Planned
from mlem.state.provenance import Provenance
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import ConflictError, DeclarationError, NotFoundError

Declare = Callable[..., DeploymentHandle]
CI = ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "CIRCLECI", "CI")


@pytest.fixture(autouse=True)
def _outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CI:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def declare(project: Project, platform: FakePlatform) -> Declare:
    def declare(model: str = "double", **fields: Any) -> DeploymentHandle:
        api.declare_deployment("fake", str(project.folder / "app"), {"model": str(project.folder / model), **fields})
        return project.handle("app")

    return declare


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, words: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", words)
    return git(folder, "rev-parse", "HEAD")


def made(handle: DeploymentHandle) -> Provenance:
    found = handle.releases()[0].made
    assert found is not None
    return found


def test_a_release_says_who_made_it_from_which_commit_with_what_and_why(declare: Declare, project: Project) -> None:
    git(project.folder, "init", "--quiet")
    handle = declare()
    first = commit(project.folder, "first")

    handle.run(RunOptions(message="  for the demo\n"))

    found = made(handle)
    assert found.user.partition("@")[0] == getpass.getuser()
    assert (found.commit, found.dirty, found.message, found.job) == (first, False, "for the demo", "")
    assert found.versions["mlem-core"]
    assert found.versions["mlem-provider-fake"] == "1"
    assert found.changes == ("create disk (not there yet)", "create server (not there yet)")


def test_changes_that_are_not_committed_are_told(declare: Declare, project: Project) -> None:
    git(project.folder, "init", "--quiet")
    handle = declare()
    commit(project.folder, "first")
    declare("triple")

    handle = project.handle("app")
    handle.run()

    assert made(handle).dirty


def test_without_a_repository_and_without_git_a_run_goes_on(
    declare: Declare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handle = declare()
    monkeypatch.setenv("PATH", str(tmp_path))  # no git

    handle.run()

    assert (made(handle).commit, made(handle).dirty) == ("", False)


@pytest.mark.parametrize(
    ("variables", "job", "url", "user"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/iris",
                "GITHUB_RUN_ID": "77",
                "GITHUB_RUN_NUMBER": "8",
                "GITHUB_WORKFLOW": "deploy",
                "GITHUB_ACTOR": "ada",
            },
            "deploy #8",
            "https://github.com/acme/iris/actions/runs/77",
            "ada",
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_JOB_NAME": "deploy",
                "CI_JOB_ID": "9",
                "CI_JOB_URL": "https://gitlab.com/acme/iris/-/jobs/9",
                "GITLAB_USER_LOGIN": "ada",
            },
            "deploy #9",
            "https://gitlab.com/acme/iris/-/jobs/9",
            "ada",
        ),
    ],
)
def test_in_a_job_of_ci_a_release_names_it(
    declare: Declare, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], job: str, url: str, user: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    handle = declare()

    handle.run()

    assert (made(handle).job, made(handle).job_url, made(handle).user) == (job, url, user)


def test_a_run_that_expects_another_release_changes_nothing(declare: Declare, platform: FakePlatform) -> None:
    handle = declare()
    with pytest.raises(ConflictError, match="expected release 1, but nothing is deployed"):
        handle.run(RunOptions(expect_release=1))
    assert (platform.calls, handle.state()) == ([], None)
    handle.run(RunOptions(expect_release=0))
    declare("triple").run(RunOptions(expect_release=1))

    with pytest.raises(ConflictError, match=r"expected release 1, but release 2 serves \(.+@") as caught:
        declare("double").run(RunOptions(expect_release=1))

    assert (caught.value.code, caught.value.exit_code) == ("other-release", 4)
    assert handle.releases()[0].number == 2


def test_an_older_commit_does_not_replace_a_newer_one_unless_asked_to(declare: Declare, project: Project) -> None:
    git(project.folder, "init", "--quiet")
    declare()
    old = commit(project.folder, "first")
    declare("triple")
    new = commit(project.folder, "second")
    project.handle("app").run()
    git(project.folder, "checkout", "--quiet", old)

    with pytest.raises(ConflictError, match=f"at commit {old[:10]}, which is older than {new[:10]}") as caught:
        project.handle("app").run()

    assert (caught.value.code, caught.value.exit_code) == ("older-commit", 4)
    assert project.handle("app").releases()[0].number == 1
    project.handle("app").run(RunOptions(allow_older=True))
    assert made(project.handle("app")).commit == old


def test_a_clone_that_lags_behind_knows_it_without_having_what_is_newer(declare: Declare, project: Project) -> None:
    git(project.folder, "init", "--quiet", "--initial-branch", "main")
    declare()
    old = commit(project.folder, "first")
    commit(project.folder, "between")
    declare("triple")
    new = commit(project.folder, "second")
    project.handle("app").run()
    git(project.folder, "checkout", "--quiet", "--detach", old)
    git(project.folder, "branch", "--quiet", "--force", "main", old)
    (project.folder / ".git" / "objects" / new[:2] / new[2:]).unlink()

    with pytest.raises(ConflictError, match=f"at commit {old[:10]}, which is older than {new[:10]}"):
        project.handle("app").run()

    project.handle("app").run(RunOptions(allow_older=True))
    newest, before = project.handle("app").releases()
    assert newest.made is not None
    assert before.made is not None
    assert (newest.made.ancestors, before.made.ancestors) == ((), ())  # of the newest alone; this one has none


def test_a_commit_on_another_branch_is_not_older(declare: Declare, project: Project) -> None:
    git(project.folder, "init", "--quiet")
    declare()
    base = commit(project.folder, "first")
    declare("triple")
    commit(project.folder, "theirs")
    project.handle("app").run()
    git(project.folder, "checkout", "--quiet", base)
    declare("double")
    ours = commit(project.folder, "ours")

    project.handle("app").run()

    assert made(project.handle("app")).commit == ours


def test_a_commit_that_this_clone_lacks_is_told_of(declare: Declare, project: Project, tmp_path: Path) -> None:
    git(project.folder, "init", "--quiet")
    handle = declare()
    commit(project.folder, "first")
    handle.run()
    git(project.folder, "checkout", "--quiet", "--orphan", "other")
    commit(project.folder, "alone")
    known = made(handle).commit
    (project.folder / ".git" / "objects" / known[:2] / known[2:]).unlink()
    git(project.folder, "reflog", "expire", "--expire=now", "--all")
    lines: list[str] = []

    declare("triple")
    DeploymentHandle.of(handle.target.location, report=lines.append).run()

    assert f"note: release 1 is of commit {known[:10]}, which this clone does not have" in lines


def test_what_was_rolled_back_does_not_come_back_by_itself(declare: Declare) -> None:
    declare("double").run()
    declare("triple").run()
    handle = declare("triple")
    handle.rollback()

    with pytest.raises(
        ConflictError, match="what release 2 was, which was rolled back: release 3 put 1 back"
    ) as caught:
        handle.run()

    assert (caught.value.code, caught.value.exit_code) == ("rolled-back", 4)
    assert [one.number for one in handle.releases()] == [3, 2, 1]
    handle.run(RunOptions(again=True))
    assert handle.releases()[0].number == 4
    assert not handle.run().changed  # it serves: nothing comes back


def test_what_was_put_back_may_run_again_and_something_new_too(declare: Declare) -> None:
    declare("double").run()
    declare("triple").run()
    declare("triple").rollback()

    assert not declare("double").run().changed
    assert declare("double", size=2).run().changed


def test_a_rollback_aims_before_it_waits(declare: Declare) -> None:
    declare("double").run()
    declare("triple").run()
    handle = declare("double", size=3)
    waits = threading.Event()
    lines: list[str] = []
    found: list[int | None] = []

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith("waiting"):
            waits.set()

    rolling = DeploymentHandle.of(handle.target.location, report=report, lock=LockOptions(timeout_s=60))
    thread = threading.Thread(target=lambda: found.append(rolling.rollback().rollback_of))

    def at_work() -> None:
        thread.start()
        assert waits.wait(30), lines

    handle.run(accepted=at_work)
    thread.join(30)

    assert found == [1]
    assert "note: release 3 was made meanwhile; release 1 replaces it" in lines


def test_a_plan_that_was_kept_is_done_as_it_says_or_not_at_all(
    declare: Declare, platform: FakePlatform, tmp_path: Path
) -> None:
    declare("double").run()
    handle = declare("triple")
    _, planned = handle.keep_plan()
    (tmp_path / "plan").write_bytes(planned.to_bytes())
    kept = Planned.read(tmp_path / "plan")
    assert kept == planned

    handle.run(RunOptions(planned=kept))

    assert handle.releases()[0].number == 2
    platform.calls.clear()
    with pytest.raises(ConflictError) as caught:
        handle.run(RunOptions(planned=kept))
    assert (caught.value.code, caught.value.exit_code) == ("plan-moved", 4)
    assert "release 2 serves, not 1; something else is on record; a run would keep disk" in caught.value.message
    assert platform.calls == []


def test_what_moved_since_a_plan_is_told(declare: Declare, platform: FakePlatform) -> None:
    _, first = declare("double").keep_plan()
    declare("double").run(RunOptions(planned=first))
    lineage = next(iter(platform.resources))[0]
    _, planned = declare("double").keep_plan()

    with pytest.raises(ConflictError, match="the model is another one"):
        declare("triple").run(RunOptions(planned=planned))
    with pytest.raises(ConflictError, match="the declaration or its env is another one"):
        declare("double", size=2).run(RunOptions(planned=planned))
    del platform.resources[lineage, "server"]
    with pytest.raises(ConflictError, match="a run would keep disk, create server, planned was keep disk, keep server"):
        declare("double").run(RunOptions(planned=planned))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b'{"name": 1}', b"x" * (4 * 2**20 + 1)])
def test_a_file_that_is_not_a_plan_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plan").write_bytes(content)
    with pytest.raises(DeclarationError):
        Planned.read(tmp_path / "plan")
    with pytest.raises(NotFoundError):
        Planned.read(tmp_path / "absent")
