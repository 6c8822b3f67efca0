"""What one deployment serves, deployed by another: on a platform that takes nothing over but the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem import api
from mlem.deployments.upkeep.promoting import prepare
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import ConflictError, GateError, NotFoundError, UserError

STAGING = "model: double\nsize: 2\nobject_type: deployment\ntype: fake_deployment\n"
PROD = "model: triple  # so far\nsize: 3\nobject_type: deployment\ntype: fake_deployment\n"


@pytest.fixture
def declared(project: Project, platform: FakePlatform) -> Project:
    (project.folder / "staging.mlem").write_text(STAGING)
    (project.folder / "prod.mlem").write_text(PROD)
    return project


def test_the_same_model_is_deployed_as_the_other_is_declared(declared: Project) -> None:
    folder = declared.folder
    released = api.load("staging", folder, kind="deployment").run().state.releases[0]
    lines: list[str] = []
    handle = api.promote("staging", "prod", project=folder, report=lines.append)
    assert lines[0] == "note: the model is the same; everything else is made again for this fake_deployment deployment"
    made = handle.releases()[0]
    assert (made.model_hash, made.declaration["size"]) == (released.model_hash, 3)
    assert made.made is not None
    assert made.made.message == "promoted from staging, release 1"
    assert (folder / "prod.mlem").read_text() == PROD.replace("triple ", "double ")
    assert (folder / "staging.mlem").read_text() == STAGING
    assert all(change.action == "keep" for change in api.load("prod", folder, kind="deployment").plan())


def test_it_is_the_newest_release_that_passed(declared: Project, platform: FakePlatform) -> None:
    folder = declared.folder
    api.load("staging", folder, kind="deployment").run()
    platform.wrong.add(api.load_meta("triple", folder, kind="model").digest)
    with pytest.raises(GateError):
        api.deploy("fake", "staging", model="triple", project=folder)
    handle = api.promote("staging", "prod", project=folder)
    assert handle.releases()[0].model_hash == api.load_meta("double", folder, kind="model").digest


def test_an_overlay_gets_the_model_of_the_other(declared: Project) -> None:
    folder = declared.folder
    (folder / "staging.prod.mlem").write_text("size: 4\nmodel: triple\n")
    api.load("staging", folder, kind="deployment").run()
    api.promote("staging", "staging@prod", project=folder, options=api.RunOptions(message="as agreed"))
    assert (folder / "staging.prod.mlem").read_text() == "size: 4\nmodel: double\n"
    made = api.load("staging@prod", folder, kind="deployment").releases()[0].made
    assert made is not None
    assert made.message == "as agreed"


def test_a_plan_says_what_it_would_do_and_writes_nothing(declared: Project) -> None:
    folder = declared.folder
    api.load("staging", folder, kind="deployment").run()
    prepared = prepare("staging", "prod", folder)
    assert [(change.step, change.action) for change in prepared.plan()] == [("disk", "create"), ("server", "create")]
    assert prepared.promotion.describe() == "promoted from staging, release 1"
    assert (folder / "prod.mlem").read_text() == PROD


def test_what_cannot_be_promoted_is_refused(declared: Project) -> None:
    folder = declared.folder
    for source, name, kind, code in (
        ("staging", "prod", ConflictError, "nothing-to-promote"),
        ("staging", "staging", UserError, "usage"),
        ("stagin", "prod", NotFoundError, "not-found"),
        ("staging", "prd", NotFoundError, "not-found"),
    ):
        with pytest.raises(kind) as raised:
            api.promote(source, name, project=folder)
        assert raised.value.code == code
    api.load("staging", folder, kind="deployment").run()
    declared.save("double", 5.0)
    with pytest.raises(ConflictError) as raised:
        api.promote("staging", "prod", project=folder)
    assert raised.value.code == "other-model"
    for path in folder.glob("double*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(ConflictError, match="is not there"):
        api.promote("staging", "prod", project=folder)
    assert (folder / "prod.mlem").read_text() == PROD


def test_the_model_may_have_another_name_by_now(declared: Project) -> None:
    folder = declared.folder
    api.load("staging", folder, kind="deployment").run()
    declared.save("twice", 2.0)
    Path(folder / "prod.mlem").write_text(PROD.replace("triple ", "twice "))
    declared.save("double", 5.0)
    api.promote("staging", "prod", project=folder)
    assert "model: twice" in (folder / "prod.mlem").read_text()
