"""Heroku from a machine without Docker, and what makes images there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from mlem.testing import SAMPLE, Project
from mlem_heroku_simulator import HerokuSimulator

NO_ENGINE = {"DOCKER_HOST": "unix:///no/engine.sock"}


@pytest.fixture
def apart(project: Project) -> Project:
    """The same project, whose commands find no Engine."""
    return Project(project.folder, NO_ENGINE)


def run(project: Project, name: str, model: str, *options: str) -> subprocess.CompletedProcess[str]:
    return project.mlem(
        *("deployment", "run", "heroku", "app", "--model", model, "--env", "staging", "--app_name", name), *options
    )


def test_a_model_is_deployed_updated_and_removed_where_there_is_no_engine(
    apart: Project, heroku: HerokuSimulator, name: str
) -> None:
    done = run(apart, name, "double")
    assert done.returncode == 0, done.stderr
    assert "pushing " in done.stderr
    with apart.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
    state = apart.handle("app").state()
    assert state is not None
    image = state.records["image"]
    assert image["base_image"] == "python:3.11-slim"
    assert image["image_id"] == heroku.app(name).current.image_id
    assert any(line.startswith("pydantic==") and "--hash=sha256:" in line for line in image["pins"])
    assert run(apart, name, "triple").returncode == 0
    with apart.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
    removed = apart.mlem("deployment", "remove", "app")
    assert (removed.returncode, "stay" in removed.stderr) == (0, False), removed.stderr


def normalized(pins: list[str]) -> set[str]:
    """Return pins with the names of packages as indexes have them: pip and uv write some in other ways."""
    return {f"{canonicalize_name(name)}=={rest}" for name, _, rest in (line.partition("==") for line in pins)}


@pytest.mark.parametrize("setting", [False, True], ids=["option", "setting"])
def test_an_engine_builds_where_that_is_asked_for(
    apart: Project, heroku: HerokuSimulator, name: str, *, setting: bool
) -> None:
    options = () if setting else ("--builder", "engine")
    if setting:
        assert apart.mlem("config", "set", "core.images.builder", "engine").returncode == 0
    failed = run(apart, name, "double", *options)
    assert (failed.returncode, "error[engine-unreachable]" in failed.stderr) == (7, True), failed.stderr
    assert name not in [app.name for app in heroku.platform.apps.values()]
    if setting:
        assert run(apart, name, "double", "--builder", "image").returncode == 0


def test_another_builder_makes_the_next_image_and_not_the_same_one_again(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name, "double", "--builder", "engine").returncode == 0
    built = project.handle("app").state()
    again = run(project, name, "double", "--builder", "image")
    assert (again.returncode, "pushing" in again.stderr) == (0, False), again.stderr
    assert run(project, name, "triple", "--builder", "image").returncode == 0
    made = project.handle("app").state()
    assert built is not None
    assert made is not None
    before, after = built.records["image"], made.records["image"]
    assert normalized(after["pins"]) == normalized(before["pins"])
    with project.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--builder", "buildah"], "not-installed", 'there is no builder of images "buildah"'),
        (["--system_packages.0", "libgomp1"], "needs-a-run", "libgomp1"),
        (["--packages.0", "mlem-test-no-such-package"], "no-package", "in no index"),
        (["--platform", "linux/arm64"], None, "linux/arm64"),
        (["--base_image", "127.0.0.1:5000/mlem-test/nothing:1"], None, "mlem-test/nothing:1"),
    ],
    ids=["builder", "library", "package", "platform", "base"],
)
def test_what_keeps_an_image_from_being_made_is_told_before_there_is_an_app(
    apart: Project, heroku: HerokuSimulator, name: str, options: list[str], code: str | None, words: str
) -> None:
    failed = run(apart, name, "double", *options)
    assert failed.returncode != 0
    assert words in failed.stderr
    assert code is None or f"error[{code}]" in failed.stderr, failed.stderr
    assert "Traceback" not in failed.stderr
    assert name not in [app.name for app in heroku.platform.apps.values()]


def test_a_builder_that_breaks_is_named(apart: Project, heroku: HerokuSimulator, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    (folder / "stranger-1.dist-info").mkdir(parents=True)
    (folder / "stranger-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    entry = "[mlem_image.backends]\nbroken = stranger:Backend\n"
    (folder / "stranger-1.dist-info" / "entry_points.txt").write_text(entry)
    (folder / "stranger.py").write_text("raise SystemExit('no licence')\n")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    failed = run(Project(apart.folder, {**NO_ENGINE, "PYTHONPATH": path}), name, "double", "--builder", "broken")
    assert failed.returncode != 0
    assert 'the builder of images "broken" can\'t be used: SystemExit: no licence' in failed.stderr


def test_a_deployments_image_is_signed(apart: Project, heroku: HerokuSimulator, name: str) -> None:
    key = apart.folder / "image.key"
    words = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    done = run(apart, name, "double", "--sign", key.name)
    assert done.returncode == 0, done.stderr
    state = apart.handle("app").state()
    assert state is not None
    digest = state.records["image"]["digest"].replace(":", "-")
    repository = state.records["image"]["image"].rpartition(":")[0]
    assert f"signed: {repository}:{digest}.sig" in done.stderr


def test_a_key_that_cannot_be_used_is_told_before_anything_is_made(
    apart: Project, heroku: HerokuSimulator, name: str
) -> None:
    (apart.folder / "image.key").write_text("no key")
    done = run(apart, name, "double", "--sign", "image.key")
    assert (done.returncode, "error[bad-key]" in done.stderr) == (2, True), done.stderr
    assert name not in [app.name for app in heroku.platform.apps.values()]


def test_doctor_says_whether_there_is_a_key_that_heroku_knows(apart: Project) -> None:
    done = apart.mlem("doctor")
    assert (done.returncode, "calls of it are left" in done.stdout) == (0, True), done.stdout
    without = Project(apart.folder, {**apart.environment, "HEROKU_API_KEY": ""}).mlem("doctor")
    assert (without.returncode, "HEROKU_API_KEY" in without.stdout) == (6, True), without.stdout
