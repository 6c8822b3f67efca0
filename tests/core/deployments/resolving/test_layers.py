"""An overlay over a declaration: what is deployed, what is written, and whose fault an error is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem import api
from mlem.deployments.resolving.layers import merge
from mlem.testing import Project
from mlem.testing.fake import FakeDeployment, FakePlatform
from mlem_model.errors import DeclarationError, NotFoundError

BASE = """\
env: {region: there}
model: double
size: 3
keep_releases: 5
object_type: deployment
type: fake_deployment
"""
OVER = """\
# production
env:
  region: here  # the near one
keep_releases:
"""


@pytest.fixture
def declared(project: Project, platform: FakePlatform) -> Project:
    (project.folder / "app.mlem").write_text(BASE)
    (project.folder / "app.prod.mlem").write_text(OVER)
    return project


def test_mappings_are_merged_lists_replaced_and_null_unsets() -> None:
    base = {"a": {"x": 1, "y": {"z": 1, "w": 2}}, "b": [1, 2], "c": 1, "d": {"e": 1}}
    over = {"a": {"y": {"z": None}, "n": 3}, "b": [3], "d": 4}
    assert merge(base, over, unset=True) == {"a": {"x": 1, "y": {"w": 2}, "n": 3}, "b": [3], "c": 1, "d": 4}


def test_an_overlay_has_what_differs(declared: Project) -> None:
    found = api.load_meta("app", declared.folder, kind="deployment", overlay="prod")
    assert isinstance(found, FakeDeployment)
    assert (found.model, found.size, found.keep_releases, found.env) == ("double", 3, 3, {"region": "here"})
    assert api.load_meta("app@prod", declared.folder) == found
    assert api.load_meta("app", declared.folder, kind="deployment").keep_releases == 5


def test_each_overlay_has_a_state_and_resources_of_its_own(declared: Project, platform: FakePlatform) -> None:
    base = api.load("app", declared.folder, kind="deployment")
    prod = api.load("app", declared.folder, kind="deployment", overlay="prod")
    base.run()
    prod.run()
    states = base.state(), prod.state()
    assert states[0] is not None
    assert states[1] is not None
    assert states[0].lineage != states[1].lineage
    assert len(platform.resources) == 4
    found = {one.name: (one.status, one.overlays) for one in api.list_deployments(declared.folder)}
    assert found == {"app": ("running", ("prod",)), "app@prod": ("running", ())}
    assert prod.remove()
    assert base.status().phase == "running"


def test_a_base_that_was_never_deployed_is_right(declared: Project) -> None:
    api.load("app@prod", declared.folder, kind="deployment").run()
    assert [(one.name, one.is_right) for one in api.list_deployments(declared.folder)] == [
        ("app", True),
        ("app@prod", True),
    ]


def test_what_is_given_is_written_to_the_overlay(declared: Project) -> None:
    base, over = declared.folder / "app.mlem", declared.folder / "app.prod.mlem"
    api.deploy("fake", "app", size="4", env={"region": "far"}, overlay="prod", project=declared.folder)
    assert base.read_text() == BASE
    assert over.read_text() == OVER.replace("here  #", "far   #") + "size: 4\n"
    api.deploy("fake", "app@prod", size=None, project=declared.folder)
    assert over.read_text() == OVER.replace("here  #", "far   #") + "size:\n"
    assert api.load_meta("app@prod", declared.folder).size == 1
    api.deploy("fake", "app@prod", disk=None, project=declared.folder)
    assert "disk" not in over.read_text()


def test_an_overlay_that_is_not_there_is_not_made(declared: Project) -> None:
    with pytest.raises(NotFoundError, match="no overlay"):
        api.deploy("fake", "app", size=4, overlay="prd", project=declared.folder)
    assert not (declared.folder / "app.prd.mlem").exists()


@pytest.mark.parametrize(
    ("base", "over", "message"),
    [
        (BASE, "size: many\n", "app.prod.mlem: size: expected"),
        (BASE, "sise: 3\n", "app.prod.mlem: sise: unknown field"),
        (BASE.replace("size: 3", "size: many"), "disk: false\n", "app.mlem: size: expected"),
        (BASE, "env: {regin: x}\n", "app.prod.mlem: env.regin: unknown field"),
        (BASE.replace("region", "regin"), "env: {region: x}\n", "app.mlem: env.regin: unknown field"),
        (BASE, "env: nowhere\n", 'app.prod.mlem: env: no env "nowhere"'),
        (BASE, "type: local_process\n", "app.prod.mlem: type: an overlay can't change it"),
        (BASE, "- 1\n", "app.prod.mlem: expected a mapping"),
        (BASE, "size: [\n", "app.prod.mlem:2:1: not valid YAML"),
    ],
)
def test_an_error_names_the_file_that_has_the_field(
    declared: Project, monkeypatch: pytest.MonkeyPatch, base: str, over: str, message: str
) -> None:
    monkeypatch.chdir(declared.folder)
    Path("app.mlem").write_text(base)
    Path("app.prod.mlem").write_text(over)
    with pytest.raises((DeclarationError, NotFoundError)) as raised:
        api.load("app@prod", kind="deployment")
    assert raised.value.message.startswith(message)
