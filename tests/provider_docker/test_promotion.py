"""What passed on staging goes to production: the very image, on one Engine and through a registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.testing import SAMPLE, Project
from mlem_image import LINEAGE_LABEL, MODEL_LABEL
from mlem_provider_docker.api.sdk import Engine


@pytest.fixture
def shop(project: Project, name: str) -> Iterator[Project]:
    """A declaration with two overlays, of which staging has a release."""
    declare(project.folder, f"{name}-base", "app", "model: double\n")
    (project.folder / "app.staging.mlem").write_text(f"container_name: {name}-staging\n")
    (project.folder / "app.prod.mlem").write_text(f"container_name: {name}-prod\n")
    yield project
    for declared, _ in api.deployments(project.folder):
        project.mlem("deployment", "remove", declared)


def declare(folder: Path, name: str, key: str, more: str) -> None:
    (folder / f"{key}.mlem").write_text(
        f"container_name: {name}\n{more}object_type: deployment\ntype: docker_container\n"
    )


def do(project: Project, *words: str, exit_code: int = 0) -> str:
    done = project.mlem("deployment", *words)
    assert done.returncode == exit_code, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def record(project: Project, name: str) -> Any:
    state = api.load(name, project.folder, kind="deployment").state()
    assert state is not None
    return state.records["image"]


def answers(project: Project, name: str, expected: list[float]) -> None:
    with api.load(name, project.folder, kind="deployment").get_client() as client:
        assert client.predict(SAMPLE) == expected


def tags(engine: Engine, id_: str) -> list[str]:
    found = engine.image(id_)
    return [] if found is None else list(found["RepoTags"])


def test_the_very_image_serves_and_nothing_is_built(shop: Project, engine: Engine) -> None:
    do(shop, "run", "--load", "app@staging")
    staged = record(shop, "app@staging")
    planned = do(shop, "promote", "app@staging", "app@prod", "--plan")
    assert f"promoted from app@staging, {staged['image_id']}" in planned
    said = do(shop, "promote", "app@staging", "app@prod")
    assert "building" not in said
    assert f"creating image (promoted from app@staging, {staged['image_id']}" in said
    promoted = record(shop, "app@prod")
    assert (promoted["image_id"], promoted["promoted"]) == (staged["image_id"], "app@staging")
    release = api.load("app@prod", shop.folder, kind="deployment").releases()[0]
    assert release.made is not None
    assert release.made.message == "promoted from app@staging, release 1"
    assert release.made.changes[0].startswith("create image (promoted from app@staging, sha256:")
    answers(shop, "app@prod", [2.0, 4.0, 6.0])
    assert "nothing to change" in do(shop, "promote", "app@staging", "app@prod")
    assert "nothing to change" in do(shop, "plan", "app@prod")
    assert "nothing to change" in do(shop, "run", "--load", "app@prod")
    assert record(shop, "app@prod") == promoted


def test_each_removes_its_own_name_of_the_image(shop: Project, engine: Engine) -> None:
    do(shop, "run", "--load", "app@staging")
    do(shop, "promote", "app@staging", "app@prod")
    id_ = record(shop, "app@prod")["image_id"]
    assert len(tags(engine, id_)) == 2
    do(shop, "remove", "app@staging")
    assert tags(engine, id_) == [record(shop, "app@prod")["image"]]
    do(shop, "restart", "app@prod")
    do(shop, "run", "--load", "app@prod")
    answers(shop, "app@prod", [2.0, 4.0, 6.0])
    do(shop, "remove", "app@prod")
    assert engine.image(id_) is None


@pytest.mark.parametrize("more", ["", "image_name: shop\n"])
def test_a_promoted_release_can_be_replaced_and_put_back(shop: Project, engine: Engine, name: str, more: str) -> None:
    more = more.replace("shop", name)
    declare(shop.folder, f"{name}-base", "app", f"model: double\n{more}")
    do(shop, "run", "--load", "app@staging")
    do(shop, "promote", "app@staging", "app@prod")
    first = record(shop, "app@prod")
    do(shop, "run", "--load", "app@staging", "--model", "triple")
    do(shop, "promote", "app@staging", "app@prod")
    assert "model: triple\n" in (shop.folder / "app.prod.mlem").read_text()
    answers(shop, "app@prod", [3.0, 6.0, 9.0])
    do(shop, "rollback", "app@prod")
    assert record(shop, "app@prod")["image_id"] == first["image_id"]
    answers(shop, "app@prod", [2.0, 4.0, 6.0])
    answers(shop, "app@staging", [3.0, 6.0, 9.0])
    states = [api.load(one, shop.folder, kind="deployment").state() for one in ("app@prod", "app@staging")]
    lineages = [state.lineage for state in states if state is not None]
    do(shop, "remove", "app@prod")
    answers(shop, "app@staging", [3.0, 6.0, 9.0])
    do(shop, "remove", "app@staging")
    left = [found for lineage in lineages for found in engine.images(f"{LINEAGE_LABEL}={lineage}")]
    assert left == []


def test_what_cannot_be_promoted(shop: Project, name: str) -> None:
    assert "error[nothing-to-promote]" in do(shop, "promote", "app@staging", "app@prod", exit_code=4)
    do(shop, "promote", "app@prod", "app@prod", exit_code=2)
    do(shop, "promote", "app@stagin", "app@prod", exit_code=3)
    do(shop, "run", "--load", "app@staging")
    (shop.folder / "app.prod.mlem").write_text(f"container_name: {name}-prod\npackages: [six==1.17.0]\n")
    said = do(shop, "promote", "app@staging", "app@prod", exit_code=4)
    assert "error[other-recipe]: app@prod declares an image with packages ['six==1.17.0']" in said
    (shop.folder / "app.prod.mlem").write_text(f"container_name: {name}-prod\n")
    shop.save("double", 4.0)
    said = do(shop, "promote", "app@staging", "app@prod", exit_code=4)
    assert "error[other-model]" in said
    assert "is another one" in said
    assert api.load("app@prod", shop.folder, kind="deployment").state() is None


def test_another_engine_gets_the_image_from_the_registry_by_its_digest(
    shop: Project, engine: Engine, other_engine: str, name: str, push_registry: str
) -> None:
    registry = f"registry: {{host: {push_registry}}}"
    (shop.folder / "app.staging.mlem").write_text(f"container_name: {name}-staging\nenv: {{{registry}}}\n")
    (shop.folder / "app.prod.mlem").write_text(f"container_name: {name}-prod\nenv: {{host: '{other_engine}'}}\n")
    do(shop, "run", "--load", "app@staging")
    staged = record(shop, "app@staging")
    assert staged["digest"].startswith("sha256:")
    said = do(shop, "promote", "app@staging", "app@prod")
    repository = staged["image"].rpartition(":")[0]
    assert f"pulling {repository}@{staged['digest']}" in said
    assert "building" not in said
    assert record(shop, "app@prod")["image_id"] == staged["image_id"]
    answers(shop, "app@prod", [2.0, 4.0, 6.0])
    do(shop, "remove", "app@prod")
    answers(shop, "app@staging", [2.0, 4.0, 6.0])
    elsewhere = replace(shop, environment={**shop.environment, "DOCKER_HOST": other_engine})
    assert elsewhere.variables["DOCKER_HOST"] == other_engine


def test_another_engine_without_a_registry_is_refused(
    shop: Project, engine: Engine, other_engine: str, name: str
) -> None:
    (shop.folder / "app.prod.mlem").write_text(f"container_name: {name}-prod\nenv: {{host: '{other_engine}'}}\n")
    do(shop, "run", "--load", "app@staging")
    said = do(shop, "promote", "app@staging", "app@prod", exit_code=4)
    assert "error[image-out-of-reach]: the image that app@staging runs is not on" in said
    assert api.load("app@prod", shop.folder, kind="deployment").state() is None


def test_another_registry_gets_the_same_manifest(shop: Project, engine: Engine, name: str, push_registry: str) -> None:
    declare(shop.folder, name, "app", f"model: double\nimage_tag: live\nenv: {{registry: {{host: {push_registry}}}}}\n")
    do(shop, "run", "--load", "app@staging")
    do(shop, "promote", "app@staging", "app@prod")
    staged, promoted = record(shop, "app@staging"), record(shop, "app@prod")
    assert promoted["digest"] == staged["digest"]
    assert promoted["image"].startswith(f"{push_registry}/mlem-app-prod:promoted-")
    do(shop, "run", "--load", "app@prod", "--model", "triple")
    do(shop, "remove", "app@prod")
    assert tags(engine, staged["image_id"]) != []
    do(shop, "remove", "app@staging")
    assert [one for one in engine.images(MODEL_LABEL) if one["Id"] == staged["image_id"]] == []
