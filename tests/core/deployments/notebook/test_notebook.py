"""Plans, releases, handles and models in Python: a line each, and tables in a notebook."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlem import api
from mlem.api import Change, DeploymentHandle, Plan, Release, Releases, RunOptions
from mlem.testing import Project
from mlem.testing.fake import FakePlatform

HOSTILE = "<script>alert(1)</script>"


def cells(page: str) -> list[list[str]]:
    """Return the text of a table's cells, row by row."""
    assert re.sub(r"</?(table|caption|thead|tbody|tr|th|td)>", "", page).count("<") == 0, page
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]


@pytest.fixture
def handle(project: Project, platform: FakePlatform) -> DeploymentHandle:
    return api.deploy("fake", "app", model="double", project=project.folder)


def shown(value: Any) -> str:
    """Return what a notebook shows of a value."""
    page: str = value._repr_html_()
    return page


def test_a_plan_is_a_sequence_of_changes_that_says_whether_something_differs(handle: DeploymentHandle) -> None:
    plan = handle.plan()
    assert (isinstance(plan, tuple), plan.differs, {change.action for change in plan}) == (True, False, {"keep"})
    assert repr(plan) == f"Plan({', '.join(f'{change.step}: keep' for change in plan)})"
    assert "<caption>nothing to change</caption>" in shown(plan)
    assert handle.keep_plan()[0] == plan


def test_a_plan_is_a_table_with_the_reasons() -> None:
    plan = Plan([Change("image", "create", f"not there yet {HOSTILE}"), Change("container", "replace", "", "seconds")])
    assert (plan.differs, repr(plan)) == (True, "Plan(image: create, container: replace)")
    assert cells(shown(plan)) == [
        ["step", "action", "why", "downtime"],
        ["image", "create", "not there yet &lt;script&gt;alert(1)&lt;/script&gt;", ""],
        ["container", "replace", "", "seconds"],
    ]


def test_releases_are_a_table_with_the_newest_first(handle: DeploymentHandle) -> None:
    handle.run(RunOptions(message=HOSTILE))
    api.deploy("fake", "app", model="triple", project=handle.target.location.root, options=RunOptions(message=HOSTILE))
    releases = handle.releases()
    assert [release.number for release in releases] == [2, 1]
    assert repr(releases) == f"Releases(2: {releases[0].model_hash}, 1: {releases[1].model_hash})"
    header, newest, oldest = cells(shown(releases))
    assert header == ["release", "created", "model", "by", "note"]
    assert newest[:3] == ["2", releases[0].created, releases[0].model_hash]
    assert (newest[4], oldest[4]) == ("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert shown(Releases()) == (
        "<table><caption>no releases</caption><thead><tr><th>release</th><th>created</th><th>model</th><th>by</th>"
        "<th>note</th></tr></thead><tbody></tbody></table>"
    )


def test_a_release_is_a_table_of_what_is_known_of_it(handle: DeploymentHandle) -> None:
    [release] = handle.releases()
    assert repr(release) == f"Release(1, model: {release.model_hash}, {release.created})"
    assert cells(shown(release))[:2] == [["model", release.model_hash], ["created", release.created]]
    bare = Release(number=3, model_hash="ab", declaration={}, records={}, created="then", rollback_of=1)
    assert shown(bare).startswith("<table><caption>release 3</caption>")
    assert cells(shown(bare)) == [["model", "ab"], ["created", "then"], ["note", "rollback to 1"]]


def test_a_handle_says_what_is_declared_and_asks_nobody(handle: DeploymentHandle, platform: FakePlatform) -> None:
    (handle.target.location.root / "app.mlem.state").write_text("not a state: [")
    assert repr(handle).startswith('DeploymentHandle("app", fake_deployment, ')
    assert shown(handle).startswith("<table><caption>deployment app</caption>")
    assert cells(shown(handle)) == [
        ["type", "fake_deployment"],
        ["model", "double"],
        ["env", "fake"],
        ["file", str(handle.target.location)],
    ]


def test_a_model_says_what_it_takes_answers_and_needs(project: Project) -> None:
    model = api.load_meta("double", project.folder)
    rows = dict(cells(shown(model)))
    assert (rows["type"], rows["predict"]) == ("callable", "(numbers: list) -&gt; list")
    assert (rows["digest"], len(repr(model)) <= 120) == (model.digest, True)
    hostile = model.model_copy(update={"params": {HOSTILE: HOSTILE}})
    assert ["params.&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"] in cells(
        shown(hostile)
    )
