"""What is not needed any more is removed, and what happened is on record."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from waiting import wait_until

from mlem.testing import Project


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def would_go(project: Project, *options: str) -> dict[str, tuple[str, str]]:
    found = project.json("deployment", "gc", "--dry-run", *options)
    return {one["name"]: (one["action"], one["why"]) for one in found}


def test_a_preview_lives_for_its_time_and_is_then_collected(project: Project) -> None:
    assert project.run("local", "stays", "iris").returncode == 0
    assert project.run("local", "preview", "iris", {"ttl": "2h"}).returncode == 0
    assert would_go(project) == {}
    listed = project.mlem("deployment", "list").stdout.splitlines()
    assert [("expires in 1 h" in line) for line in listed[1:]] == [True, False]

    assert project.run("local", "preview", "iris", {"ttl": "1s"}).returncode == 0  # the same release, another time
    wait_until(lambda: "preview" in would_go(project))
    assert would_go(project)["preview"][0] == "remove"
    assert project.json("deployment", "status", "preview")["status"] != "not_deployed"  # a dry run removes nothing

    done = project.mlem("deployment", "gc")
    assert (done.returncode, done.stdout.startswith("preview is removed: expired")) == (0, True), done.stderr
    assert project.json("deployment", "status", "preview", "stays")[0]["status"] == "not_deployed"
    assert project.json("deployment", "status", "stays")["status"] == "running"
    assert project.mlem("deployment", "gc").stdout == "nothing to remove\n"


def test_a_run_without_a_time_lets_it_stay(project: Project) -> None:
    assert project.run("local", "app", "iris", {"ttl": "1s"}).returncode == 0
    declaration = project.folder / "app.mlem"
    declaration.write_text(declaration.read_text().replace("ttl: 1s\n", ""))
    assert project.mlem("deployment", "run", "--load", "app").returncode == 0
    state = project.handle("app").state()
    assert state is not None
    assert state.expires is None


@pytest.mark.parametrize("ttl", ["soon", "2", "0h", "-1h", "2 fortnights", "99999999d"])
def test_a_time_that_is_none_is_refused(project: Project, ttl: str) -> None:
    done = project.run("local", "app", "iris", [f"--ttl={ttl}"])
    assert (done.returncode, "ttl: expected a duration" in done.stderr) == (2, True), done.stderr


def test_without_its_declaration_a_local_deployment_is_collected(project: Project) -> None:
    assert project.run("local", "app", "iris").returncode == 0
    (project.folder / "app.mlem").unlink()
    assert would_go(project) == {"app": ("remove", "not declared any more")}
    assert project.mlem("deployment", "gc").returncode == 0
    assert not list(project.folder.glob("app*.state"))


def test_in_a_shared_store_only_what_was_declared_and_deleted_since_is_collected(project: Project) -> None:
    store = f"file://{project.folder.parent}/states"
    assert project.mlem("config", "set", "core.state.uri", store).returncode == 0
    git(project.folder, "init", "--quiet", "--initial-branch", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "--quiet", "-m", "a model")
    for name in ("deleted", "kept"):
        assert project.mlem("declare", "deployment", "local", name, "--model", "iris").returncode == 0
    git(project.folder, "add", ".")
    git(project.folder, "commit", "--quiet", "-m", "two deployments")
    git(project.folder, "checkout", "--quiet", "-b", "feature")
    assert project.mlem("declare", "deployment", "local", "branch", "--model", "iris").returncode == 0
    git(project.folder, "add", ".")
    git(project.folder, "commit", "--quiet", "-m", "one more on a branch")
    assert project.mlem("deployment", "run", "--load", "branch").returncode == 0
    git(project.folder, "checkout", "--quiet", "main")
    assert project.mlem("deployment", "run", "--all").returncode == 0
    git(project.folder, "rm", "--quiet", "deleted.mlem")
    git(project.folder, "commit", "--quiet", "-m", "one less")

    assert would_go(project) == {
        "branch": ("keep", "not declared here; another clone may have its declaration"),
        "deleted": ("remove", "its declaration was deleted since it was deployed"),
    }
    done = project.mlem("deployment", "gc")
    assert done.stdout == "deleted is removed: its declaration was deleted since it was deployed\n"
    assert "branch is kept" in done.stderr
    listed = {one["name"]: one["status"] for one in project.json("deployment", "list", "--all")}
    assert listed == {"branch": "running", "kept": "running"}
    assert project.mlem("deployment", "gc", "--undeclared").stdout.startswith("branch is removed")
    assert project.mlem("deployment", "remove", "kept").returncode == 0


def test_what_happened_is_on_record_failures_included(project: Project) -> None:
    project.save("wrong", 3.0)
    project.save_wrong("wrong")
    assert project.run("local", "app", "iris", ["--message", "first"]).returncode == 0
    assert project.run("local", "app", "wrong").returncode == 8
    assert project.run("local", "app", "iris-v2").returncode == 0
    assert project.mlem("deployment", "rollback", "app", "-m", "too cold").returncode == 0
    assert project.mlem("deployment", "restart", "app").returncode == 0
    held = project.json("deployment", "lock", "hold", "app", "--message", "lunch")
    assert project.mlem("deployment", "lock", "release", "app", "--id", held["id"]).returncode == 0

    events = project.json("deployment", "audit", "app")
    assert [(one["what"], one["outcome"], one["release"]) for one in events] == [
        ("hold", "done", 3),
        ("restart", "done", 3),
        ("rollback", "done", 3),
        ("run", "done", 2),
        ("run", "failed", 1),
        ("run", "done", 1),
    ]
    words = [one["words"] for one in events]
    assert words[0] == "lunch"
    assert words[2] == "to release 1; too cold"
    assert "answered" in words[4] or "predict" in words[4], words[4]
    assert words[5].startswith("first; create model")
    assert project.mlem("deployment", "audit", "app").stdout.splitlines()[1].split()[1] == "hold"


def test_a_receipt_has_the_digests_of_what_serves(project: Project) -> None:
    assert project.run("local", "app", "iris", ["--message", "for the auditors"]).returncode == 0
    found = json.loads(project.mlem("deployment", "receipt", "app").stdout)
    digests = {one["sha256"] for one in found["model"]["artifacts"].values()}
    files = [path.read_bytes() for path in project.folder.rglob("iris*") if path.is_file()]
    assert digests
    assert digests <= {hashlib.sha256(content).hexdigest() for content in files}
    assert any(one.startswith("scikit-learn==") for one in found["model"]["requirements"])
    assert (found["release"], found["serves"], found["made"]["message"]) == (1, True, "for the auditors")
    assert set(found["gate"]["predict"]) == {"question", "answer"}

    assert project.run("local", "app", "iris-v2").returncode == 0
    old = project.json("deployment", "receipt", "app", "--release", "1")
    assert (old["serves"], old["model"], old["gate"]) == (False, found["model"], found["gate"])
    assert project.mlem("deployment", "receipt", "nobody").returncode == 3


def test_another_name_keeps_what_serves_and_its_history(project: Project) -> None:
    deployed = project.json("deployment", "run", "local", "app", "--model", "iris")
    renamed = project.mlem("deployment", "state", "rename", "app", "shop/iris")
    assert renamed.returncode == 0, renamed.stderr
    assert "next: rename the declaration to" in renamed.stderr
    (project.folder / "shop").mkdir(exist_ok=True)
    (project.folder / "app.mlem").rename(project.folder / "shop/iris.mlem")
    declaration = (project.folder / "shop/iris.mlem").read_text()
    (project.folder / "shop/iris.mlem").write_text(declaration.replace("model: iris", "model: ../iris"))

    status = project.json("deployment", "status", "shop/iris")
    assert (status["status"], status["url"], status["release"]) == ("running", deployed["url"], 1)
    assert [one["what"] for one in project.json("deployment", "audit", "shop/iris")] == ["rename", "run"]
    assert project.mlem("deployment", "run", "--load", "shop/iris").returncode == 0
    assert project.mlem("deployment", "state", "rename", "app", "shop/iris").returncode == 3
    assert project.run("local", "other", "iris").returncode == 0
    refused = project.mlem("deployment", "state", "rename", "other", "shop/iris")
    assert (refused.returncode, "state of another deployment" in refused.stderr) == (4, True)
    assert project.json("deployment", "remove", "shop/iris")["removed"] is True
    assert not list(project.folder.rglob("*iris.mlem.state"))
