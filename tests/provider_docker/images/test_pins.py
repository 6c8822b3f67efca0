"""Packages of an image: chosen once, with their hashes, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlem import ConflictError, api
from mlem.testing import Project
from mlem_image.recipes.pins import Pins
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.builders import DockerBuilder
from mlem_provider_docker.images.in_image import write_pins

DIGEST, COMMIT = "ab" * 32, "cd" * 20


def reported(name: str, info: dict[str, Any], *, direct: bool = False) -> dict[str, Any]:
    """Return what pip's report says of a package."""
    return {"metadata": {"name": name, "version": "1.0"}, "download_info": info, "is_direct": direct}


def archive(url: str) -> dict[str, Any]:
    return {"url": url, "archive_info": {"hashes": {"sha256": DIGEST}}}


def test_a_report_of_pip_becomes_pins(tmp_path: Path) -> None:
    vcs = {"url": "https://host/shop", "vcs_info": {"vcs": "git", "commit_id": COMMIT}, "subdirectory": "python"}
    install = [
        reported("Zeta", archive("https://index/zeta-1.0.whl")),
        reported("alpha", {"url": "https://index/a", "archive_info": {"hash": f"sha256={DIGEST}"}}),  # pip 22
        reported("direct", archive("https://host/direct.whl"), direct=True),
        reported("shop", vcs, direct=True),
    ]
    (tmp_path / "report.json").write_text(json.dumps({"install": install}))
    write_pins.main(str(tmp_path / "report.json"), str(tmp_path / "pins"))
    hashed = (tmp_path / "pins" / "hashed.txt").read_text().splitlines()
    unhashed = (tmp_path / "pins" / "unhashed.txt").read_text().splitlines()
    kept = f"--hash=sha256:{DIGEST}"
    assert hashed == [f"alpha==1.0 {kept}", f"direct @ https://host/direct.whl {kept}", f"Zeta==1.0 {kept}"]
    assert unhashed == [f"shop @ git+https://host/shop@{COMMIT}#subdirectory=python"]
    pins = Pins.of([*hashed, *unhashed])
    assert (list(pins.hashed), list(pins.unhashed)) == (hashed, unhashed)


def test_a_package_without_a_hash_is_no_pin(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(
        json.dumps({"install": [reported("a", {"url": "file:///a", "dir_info": {}})]})
    )
    with pytest.raises(SystemExit, match=r"which file of a 1\.0"):
        write_pins.main(str(tmp_path / "report.json"), str(tmp_path / "pins"))


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.1.0",
        f"numpy --hash=sha256:{DIGEST}",
        f"numpy==2.1.0 --hash=md5:{DIGEST}",
        f"numpy==2.1.0 --hash=sha256:{DIGEST} --index-url http://evil",
        f"--index-url=x==1 --hash=sha256:{DIGEST}",
        f"numpy==2.1.0\n--index-url http://evil --hash=sha256:{DIGEST}",
        "-e git+https://host/shop",
        "shop @ git+https://host/shop --no-index",
        "shop @ https://host/shop.whl",
        "",
    ],
)
def test_what_is_no_pin_is_refused(line: str) -> None:
    with pytest.raises(ConflictError, match="is not a package with its version and hash"):
        Pins.of([line])


def retrain(project: Project, value: float) -> None:
    project.save("double", value)


def deploy(project: Project, name: str, **fields: str) -> str:
    options = ["--builder=engine", *(f"--{key}={value}" for key, value in fields.items())]
    done = project.run("docker", name, "double", [*options, "--verbose"])
    assert done.returncode == 0, done.stderr
    return done.stderr


def state_file(project: Project, name: str) -> Path:
    return project.folder / f"{name}.mlem.state"


def image_record(project: Project, name: str) -> dict[str, Any]:
    record: dict[str, Any] = yaml.safe_load(state_file(project, name).read_text())["image"]
    return record


def test_packages_are_chosen_once_and_every_later_image_has_the_same_files(
    engine: Engine, project: Project, name: str
) -> None:
    first_lines = deploy(project, name)
    first = image_record(project, name)
    assert first["pins"] == sorted(first["pins"], key=str.lower) != []
    assert {line.partition("==")[0] for line in first["pins"]} >= {"msgspec", "pydantic", "httptools"}
    assert first["base_image"] == "python:3.11-slim"
    base = engine.image("python:3.11-slim") or {}
    assert first["base_digest"] in [base["Id"], *(digest.rpartition("@")[2] for digest in base["RepoDigests"])]
    assert "write_pins.py" in first_lines
    retrain(project, 3.0)
    later_lines = deploy(project, name)
    later = image_record(project, name)
    assert (later["pins"], later["pins_for"]) == (first["pins"], first["pins_for"])
    assert later["image_id"] != first["image_id"]
    assert "write_pins.py" not in later_lines
    assert "Collecting" not in later_lines  # the layer of the packages is the first image's
    shared = [(engine.image(record["image_id"]) or {})["RootFS"]["Layers"][:-1] for record in (first, later)]
    assert shared[0] == shared[1]


def test_what_was_chosen_stays_chosen_for_others_when_a_deployment_is_removed(
    project: Project, warm: None, name: str
) -> None:
    deploy(project, f"{name}-1")
    assert project.mlem("deployment", "remove", f"{name}-1").returncode == 0
    assert "Collecting" not in deploy(project, f"{name}-2")


def test_another_file_than_the_pinned_one_is_not_installed(project: Project, name: str) -> None:
    deploy(project, name)
    text = state_file(project, name).read_text()
    pin = next(line for line in image_record(project, name)["pins"] if line.startswith("msgspec=="))
    state_file(project, name).write_text(text.replace(pin, pin[:-64] + "0" * 64))
    retrain(project, 3.0)
    done = project.run("docker", name, "double")
    assert (done.returncode, "error[hashes-differ]" in done.stderr) == (4, True), done.stderr
    assert "another file of msgspec" in done.stderr
    assert "another resolution" in done.stderr
    assert project.mlem("deployment", "status", name).stdout.strip() == "running"
    deploy(project, name, resolution="again")
    assert pin in image_record(project, name)["pins"]


def test_another_file_than_the_index_had_when_the_model_was_saved_is_not_installed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def total(x: Any) -> Any:
        return np.asarray(x).sum(axis=1)

    api.save(total, "total", sample_data=np.zeros((2, 3)), require_hashes=True)
    metadata = tmp_path / "total.mlem"
    content = yaml.safe_load(metadata.read_text())
    (needed,) = [one for one in content["requirements"] if one["package_name"] == "numpy"]
    assert needed["hashes"]
    needed["hashes"] = ["a" * 64]  # as if the index's had been replaced since
    metadata.write_text(yaml.safe_dump(content))
    builder = DockerBuilder(image_name="mlem-test-hashes", tag=tmp_path.name.lower())
    with pytest.raises(ConflictError, match=r"numpy.* when the model was saved") as caught:
        builder.build(api.load_meta("total"), lambda _line: None)
    assert caught.value.code == "hashes-differ"
