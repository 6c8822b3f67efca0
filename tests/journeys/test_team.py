"""A team and its CI: three clones of one repository, one store on S3; exit codes say how to go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem import api
from mlem.testing import Project

MOVED = 4


@dataclass(frozen=True)
class Team:
    """The clones: Ada's, Ben's and that of CI."""

    ada: Project
    ben: Project
    ci: Project
    uri: str


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(project: Project, words: str) -> str:
    git(project.folder, "add", "--all")
    git(project.folder, "commit", "--quiet", "-m", words)
    git(project.folder, "push", "--quiet", "origin", "HEAD:main")
    return git(project.folder, "rev-parse", "HEAD")


def pull(project: Project) -> None:
    git(project.folder, "fetch", "--quiet")
    git(project.folder, "reset", "--quiet", "--hard", "origin/main")


def do(project: Project, *words: str, exit_code: int = 0) -> str:
    done = project.mlem("deployment", *words)
    assert done.returncode == exit_code, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def begun(project: Project, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlem.cli", "deployment", *words]
    return subprocess.Popen(
        command, cwd=project.folder, env=project.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answer(project: Project) -> Any:
    (project.folder / "data.json").write_text("[1.0, 2.0]")
    return json.loads(project.mlem("deployment", "apply", "app", "data.json").stdout)


@pytest.fixture
def team(tmp_path: Path, seaweedfs: Any) -> Iterator[Team]:
    environment = {
        **seaweedfs.environment,
        "XDG_STATE_HOME": str(tmp_path / "home"),
        "GITHUB_ACTIONS": "",
        "GITLAB_CI": "",
        "CI": "",
    }
    uri = f"s3://states/{os.urandom(4).hex()}"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(tmp_path / "origin")], check=True)
    subprocess.run(["git", "clone", "--quiet", str(tmp_path / "origin"), str(tmp_path / "ada")], check=True)
    ada = Project.make(tmp_path / "ada", environment)
    with (ada.folder / ".mlem.yaml").open("a") as config:
        config.write(f"core: {{state: {{uri: '{uri}', endpoint_url: '{seaweedfs.url}'}}}}\n")
    (ada.folder / ".gitignore").write_text("*.mlem.state*\ndata.json\n*.plan\n")
    ada.save("double", 2.0)
    ada.save("triple", 3.0)
    commit(ada, "models")
    clones = []
    for name in ("ben", "ci"):
        subprocess.run(["git", "clone", "--quiet", str(tmp_path / "origin"), str(tmp_path / name)], check=True)
        job = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ben", "GITHUB_WORKFLOW": "deploy", "GITHUB_RUN_NUMBER": "8"}
        clones.append(Project(tmp_path / name, {**environment, **(job if name == "ci" else {})}))
    yield Team(ada, *clones, uri)
    for one in json.loads(ada.mlem("deployment", "list", "--state", uri, "--output", "json").stdout):
        ada.mlem("deployment", "remove", one["name"], "--state", uri)


def test_a_team_deploys_side_by_side_and_nobody_undoes_another_by_accident(team: Team) -> None:
    ada, ben, ci = team.ada, team.ben, team.ci
    do(ada, "run", "local", "app", "--model", "double", "--message", "the first")
    old = commit(ada, "declare the app")

    # CI plans in one job and runs in another.
    pull(ci)
    (ci.folder / "app.mlem").write_text((ci.folder / "app.mlem").read_text().replace("double", "triple"))
    commit(ci, "use the other model")
    do(ci, "plan", "app", "--out", "app.plan", "--detailed-exitcode", exit_code=10)
    do(ci, "run", "--plan", "app.plan", "--message", "a better one")
    assert answer(ci) == [3.0, 6.0]
    assert "plan-moved" in do(ci, "run", "--plan", "app.plan", exit_code=MOVED)

    # Ben is a commit behind.
    git(ben.folder, "fetch", "--quiet")
    git(ben.folder, "reset", "--quiet", "--hard", old)
    assert f'older-commit]: "app": the project is at commit {old[:10]}' in do(
        ben, "run", "--load", "app", exit_code=MOVED
    )
    assert answer(ben) == [3.0, 6.0]

    # Ada rolls back; the pipeline does not bring it back by itself.
    assert "to undo this: mlem deployment rollback app" in do(
        ada, "rollback", "app", "--message", "wrong for blue ones"
    )
    assert answer(ada) == [2.0, 4.0]
    assert "rolled-back" in do(ci, "run", "--load", "app", exit_code=MOVED)
    assert "other-release" in do(ci, "run", "--load", "app", "--again", "--expect-release", "2", exit_code=MOVED)
    do(ci, "run", "--load", "app", "--again", "--expect-release", "3")
    assert answer(ci) == [3.0, 6.0]

    newest, back, second, *_ = json.loads(ben.mlem("deployment", "releases", "app", "--output", "json").stdout)
    assert (newest["number"], newest["made"]["user"], newest["made"]["job"]) == (4, "ben", "deploy #8")
    assert (back["rollback_of"], back["made"]["message"]) == (1, "wrong for blue ones")
    assert second["made"]["commit"] == git(ci.folder, "rev-parse", "HEAD")


def test_what_nobody_declares_any_more_is_found_and_removed(team: Team, tmp_path: Path) -> None:
    ada, ben = team.ada, team.ben
    do(ada, "run", "local", "app", "--model", "double")
    do(ada, "run", "local", "preview", "--model", "triple")
    (ada.folder / "preview.mlem").unlink()
    commit(ada, "no preview any more")
    pull(ben)

    assert "preview" not in do(ben, "list", "--check")
    listed = {
        one["name"]: one for one in json.loads(ben.mlem(*["deployment", "list", "--all", "--output", "json"]).stdout)
    }
    assert [listed["app"]["declared"], listed["preview"]["declared"]] == [True, False]
    assert (listed["preview"]["status"], listed["preview"]["release"]) == ("running", 1)
    do(ben, "list", "--all", "--check", exit_code=10)

    do(ben, "remove", "preview", "--state", team.uri)

    assert "preview" not in do(ada, "list", "--all", "--check")
    do(ada, "status", "preview", "--state", team.uri, exit_code=3)


def test_a_person_sees_more_of_a_status_than_a_program(team: Team) -> None:
    if sys.platform == "win32":
        pytest.skip("there is no script command")
    do(team.ada, "run", "local", "app", "--model", "double")

    assert team.ada.mlem("deployment", "status", "app").stdout == "running\n"
    command = f"script -qec '{sys.executable} -m mlem.cli deployment status app' /dev/null"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=team.ada.folder,
        env=team.ada.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )

    word, release, model, url, since, by = done.stdout.splitlines()
    assert (word, release, model.startswith("model: double (")) == ("running", "release: 1", True)
    assert url.startswith("url: http://127.0.0.1:")
    assert (since.startswith("since: 20"), by.startswith("by: ")) == (True, True)


def slow(numbers: list[float]) -> list[float]:
    time.sleep(2)
    return [number * 2 for number in numbers]


slow.__module__ = "__main__"


def test_a_rollback_while_a_deploy_waits_then_a_promotion_and_the_end_of_a_preview(team: Team) -> None:
    ada, ben, ci = team.ada, team.ben, team.ci
    (ada.folder / "app.prod.mlem").write_text("keep_releases: 5\n")
    api.save(slow, "slow", sample_data=[1.0], project=str(ada.folder))
    do(ada, "run", "local", "app", "--model", "slow")
    do(ada, "run", "--load", "app", "--model", "triple")
    commit(ada, "declare the app, and its production")
    pull(ben)
    pull(ci)

    # Ben goes back; the deploy of CI comes meanwhile, waits for him, and does not bring back what he took away.
    with begun(ben, "rollback", "app") as back:
        wait_until(lambda: "rollback" in do(ada, "lock", "show", "app"))
        with begun(ci, "run", "--load", "app", "--lock-timeout", "120") as deploy:
            told = deploy.communicate(timeout=120)[1]
        assert back.wait(timeout=120) == 0
    assert ("waiting up to 120 s for the lock" in told, "rolled-back" in told) == (True, True), told
    assert deploy.returncode == MOVED
    assert answer(ada) == [2.0, 4.0]

    # What passed goes to production as it is: the model that serves, and not the one that is declared.
    do(ci, "promote", "app", "app@prod", "--message", "for everybody")
    promoted = json.loads(ada.mlem("deployment", "releases", "app@prod", "--output", "json").stdout)[0]
    serving = json.loads(ada.mlem("deployment", "releases", "app", "--output", "json").stdout)[0]
    assert promoted["model_hash"] == serving["model_hash"]

    # A preview of a pull request ends by its time, whoever made it.
    do(ben, "run", "local", "preview-8", "--model", "triple", "--ttl", "1s")
    pull(ci)
    wait_until(lambda: "preview-8" in do(ci, "gc", "--dry-run"))
    assert "preview-8 is removed: expired" in do(ci, "gc")
    assert "preview-8" not in do(ada, "list", "--state", team.uri)
    do(ada, "list", "--check")
