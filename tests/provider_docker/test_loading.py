"""Images that are made here and loaded into an Engine."""

from __future__ import annotations

import subprocess
from typing import Any

from mlem import api
from mlem.testing import SAMPLE, Project
from mlem_image import BuildOptions, Recipe, Wanted, archived, labels_of
from mlem_provider_docker import Engine, EngineAddress, connect
from mlem_provider_docker.images.base import base_image


def run(project: Project, name: str, model: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = ("--model", model, "--container_name", name, "--verbose", *options)
    return project.mlem("deployment", "run", "docker", "app", *words)


def answers(project: Project) -> Any:
    with project.handle("app").get_client() as client:
        return client.predict(SAMPLE)


def layers(engine: Engine, project: Project) -> list[str]:
    state = project.handle("app").state()
    assert state is not None
    found = engine.image(state.records["image"]["image"])
    assert found is not None
    return list(found["RootFS"]["Layers"])


def test_an_engine_is_sent_the_layers_that_it_lacks_and_runs_nothing_for_an_image(
    project: Project, engine: Engine, name: str
) -> None:
    done = run(project, name, "double")
    assert done.returncode == 0, done.stderr
    assert answers(project) == [2.0, 4.0, 6.0]
    assert "loading the image into the Engine" in done.stderr
    assert "building" not in done.stderr
    before = layers(engine, project)
    done = run(project, name, "triple")
    assert done.returncode == 0, done.stderr
    assert answers(project) == [3.0, 6.0, 9.0]
    [line] = [line for line in done.stderr.splitlines() if line.startswith("loading the image")]
    assert "MB" not in line, "the model alone"
    assert layers(engine, project)[:-1] == before[:-1]


def test_an_engine_builds_where_that_is_asked_for(project: Project, name: str) -> None:
    done = run(project, name, "double", "--builder", "engine")
    assert done.returncode == 0, done.stderr
    assert answers(project) == [2.0, 4.0, 6.0]
    assert "loading the image" not in done.stderr
    unknown = run(project, name, "triple", "--builder", "buildah")
    assert (unknown.returncode, "known: engine, image" in unknown.stderr) == (3, True), unknown.stderr


def test_what_has_to_run_in_the_image_is_built_by_the_engine_unless_that_is_ruled_out(
    project: Project, name: str
) -> None:
    needs = ("--system_packages.0", "libgomp1")
    done = run(project, name, "double", *needs)
    assert done.returncode == 0, done.stderr
    assert answers(project) == [2.0, 4.0, 6.0]
    assert "the Engine builds the image: " in done.stderr
    refused = run(project, name, "triple", *needs, "--builder", "image")
    assert "error[needs-a-run]" in refused.stderr
    assert answers(project) == [2.0, 4.0, 6.0]


def test_packages_stay_as_they_were_chosen_whoever_makes_the_image(project: Project, name: str) -> None:
    pins = []
    for model, builder in (("double", "engine"), ("triple", "image"), ("double", "engine")):
        assert run(project, name, model, "--builder", builder).returncode == 0
        state = project.handle("app").state()
        assert state is not None
        pins.append({line.rpartition(":")[2] for line in state.records["image"]["pins"]})
    assert pins[0] == pins[1] == pins[2] != set()


def test_an_engine_that_has_nothing_of_an_image_gets_all_of_it(
    plain: Project, engine: Engine, hub: str, other_engine: str
) -> None:
    model = api.load_meta("double", str(plain.folder))
    options = BuildOptions()
    recipe = Recipe.of(options, model)
    wanted = Wanted(recipe, options, model, labels_of(recipe, model))
    name, elsewhere = "mlem-test-loaded:1", connect(EngineAddress(host=other_engine).endpoint())
    with (
        base_image(engine, "python:3.11-slim", lambda _: None) as base,
        archived(wanted, base, lambda _: None) as archive,
    ):
        assert elsewhere.image("python:3.11-slim") is None
        assert [message for message in elsewhere.load(archive.parts(name), name) if "error" in message] == []
    found = elsewhere.image(name)
    assert found is not None
    assert found["RootFS"]["Layers"] == archive.diff_ids
