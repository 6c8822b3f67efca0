"""Lists of deployments: of a project, of a store, with what has no declaration here, and with what can't be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlem import api
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.overview.listing import list_deployments
from mlem.deployments.overview.summary import DeploymentSummary
from mlem.deployments.upkeep.forgetting import forget_state
from mlem.testing import Project
from mlem.testing.fake import FakePlatform
from mlem_model.errors import ConflictError, NotFoundError, PlatformError

Deploy = Callable[..., DeploymentHandle]


@pytest.fixture
def deploy(project: Project, platform: FakePlatform) -> Deploy:
    def deploy(name: str, model: str = "double", at: Project = project) -> DeploymentHandle:
        values = {"model": str(at.folder / model)}
        api.declare_deployment("fake", str(at.folder / name), values)
        handle = at.handle(name)
        handle.run()
        return handle

    return deploy


@pytest.fixture
def shared(project: Project, tmp_path: Path) -> str:
    """A store that the project shares."""
    uri = (tmp_path / "shared").as_uri()
    with (project.folder / ".mlem.yaml").open("a") as config:
        config.write(f"core: {{state: {{uri: '{uri}'}}}}\n")
    return uri


@pytest.fixture
def hang(platform: FakePlatform) -> Iterator[Callable[[str], None]]:
    event = threading.Event()

    def hang(name: str) -> None:
        platform.hangs[name] = event

    yield hang
    event.set()


def by_name(found: object) -> dict[str, DeploymentSummary]:
    assert isinstance(found, list)
    return {one.name: one for one in found}


def test_a_line_says_what_serves_since_when_and_who_made_it(deploy: Deploy, project: Project) -> None:
    handle = deploy("apps/iris")
    api.declare_deployment("fake", str(project.folder / "later"), {"model": str(project.folder / "double")})

    deployed, later = list_deployments(project.folder)

    release = handle.releases()[0]
    assert release.made is not None
    assert (deployed.name, deployed.type, deployed.status, deployed.model) == (
        "apps/iris",
        "fake_deployment",
        "running",
        handle.deployment.model,
    )
    assert (deployed.release, deployed.since, deployed.by) == (1, release.created, release.made.describe())
    assert deployed.is_right
    assert (later.name, later.status, later.release, later.is_right) == ("later", "not_deployed", None, False)


def test_what_has_no_declaration_here_is_listed_where_it_is_asked_for(
    deploy: Deploy, project: Project, shared: str
) -> None:
    deploy("kept")
    deploy("orphan", "triple")
    (project.folder / "orphan.mlem").unlink()

    assert by_name(list_deployments(project.folder)).keys() == {"kept"}
    for found in (list_deployments(project.folder, everything=True), list_deployments(project.folder, state=shared)):
        orphan = by_name(found)["orphan"]
        assert (orphan.declared, orphan.status, orphan.release, orphan.is_right) == (False, "running", 1, False)
        assert str(orphan.model).endswith("triple")
    assert by_name(list_deployments(project.folder, everything=True))["kept"].declared


def test_a_store_is_listed_from_a_folder_that_is_no_project(deploy: Deploy, shared: str, tmp_path: Path) -> None:
    deploy("iris")
    (tmp_path / "elsewhere").mkdir()

    (found,) = list_deployments(tmp_path / "elsewhere", state=shared)

    assert (found.name, found.status, found.declared) == ("iris", "running", False)


def test_one_that_hangs_costs_its_own_line(deploy: Deploy, project: Project, hang: Callable[[str], None]) -> None:
    deploy("quick")
    deploy("stuck")
    hang("stuck")

    found = by_name(list_deployments(project.folder, limit_s=0.5))

    assert found["quick"].is_right
    stuck = found["stuck"]
    assert (stuck.status, stuck.error, stuck.release) == ("unknown", "no answer after 0.5 s", 1)


def test_one_that_can_not_be_asked_or_read_says_why(deploy: Deploy, project: Project, platform: FakePlatform) -> None:
    deploy("fine")
    deploy("refused")
    deploy("broken")
    (project.folder / "broken.mlem").write_text("object_type: deployment\ntype: fake_deployment\nsize: many\n")
    platform.faults["status refused"] = PlatformError("the platform is closed")

    found = by_name(list_deployments(project.folder))

    assert found["fine"].is_right
    assert (found["refused"].error, found["refused"].release) == ("the platform is closed", 1)
    assert "size" in str(found["broken"].error)


def test_a_state_that_is_damaged_does_not_hide_the_others(deploy: Deploy, project: Project) -> None:
    deploy("fine")
    deploy("damaged")
    (project.folder / "damaged.mlem.state").write_text("type: fake_deployment\nlineage: x\nreleases: many\n")

    found = by_name(list_deployments(project.folder, state="local"))

    assert found["fine"].status == "running"
    assert "the state can't be read" in str(found["damaged"].error)


def test_what_only_a_store_knows_is_removed_by_its_state(
    deploy: Deploy, project: Project, platform: FakePlatform, shared: str, tmp_path: Path
) -> None:
    handle = deploy("iris")
    lineage = handle.target.read_state().lineage  # type: ignore[union-attr]  # it was deployed
    (tmp_path / "elsewhere").mkdir()
    (project.folder / "iris.mlem").unlink()

    orphan = DeploymentHandle.in_store("iris", shared, tmp_path / "elsewhere")

    assert orphan.remove()
    assert [key for key in platform.resources if key[0] == lineage] == []
    assert list_deployments(tmp_path / "elsewhere", state=shared) == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with pytest.raises(NotFoundError, match="iris"):
        DeploymentHandle.in_store("iris", shared, tmp_path / "elsewhere")


def test_a_deployment_of_the_same_name_here_is_not_touched(
    deploy: Deploy, project: Project, platform: FakePlatform, shared: str, tmp_path: Path
) -> None:
    deploy("iris")
    other = Project.make(tmp_path / "other")
    other.save("double", 2.0)
    mine = deploy("iris", at=other)

    DeploymentHandle.in_store("iris", shared, other.folder).remove()

    assert mine.status().phase.value == "running"
    assert by_name(list_deployments(other.folder))["iris"].is_right


def test_what_is_put_back_by_its_state_stays_without_a_declaration(
    deploy: Deploy, project: Project, shared: str, tmp_path: Path
) -> None:
    deploy("iris")
    deploy("iris", "triple")
    (tmp_path / "elsewhere").mkdir()

    DeploymentHandle.in_store("iris", shared, tmp_path / "elsewhere").rollback()

    (found,) = list_deployments(tmp_path / "elsewhere", state=shared)
    assert (found.release, str(found.model).endswith("double")) == (3, True)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_deployment_whose_provider_is_gone_is_forgotten_with_what_it_leaves(deploy: Deploy, project: Project) -> None:
    deploy("iris")
    path = project.folder / "iris.mlem.state"
    path.write_text(path.read_text().replace("type: fake_deployment", "type: nimbus_app"))
    (project.folder / "iris.mlem").unlink()
    (found,) = list_deployments(project.folder, everything=True)
    assert "nimbus_app" in str(found.error)

    left = forget_state("iris", project=project.folder)

    assert left.where == "the platform of nimbus_app"
    assert [words.split()[0] for words in left.resources] == ["disk", "server"]
    assert "id: server-" in left.resources[1]
    assert list_deployments(project.folder, everything=True) == []


def test_what_can_be_reached_is_not_forgotten(deploy: Deploy, project: Project, shared: str) -> None:
    deploy("iris")
    with pytest.raises(ConflictError) as caught:
        forget_state("iris", shared, project.folder)
    assert (caught.value.code, caught.value.hint) == ("reachable", f"mlem deployment remove iris --state {shared}")
