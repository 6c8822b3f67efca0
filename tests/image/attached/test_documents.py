"""What is kept beside an image: an SBOM of what is in its layers, and what it was made from and by."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from mlem_image.builder import ImageBuilder

SBOM, PROVENANCE = "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "layout"


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs/sha256" / digest.partition(":")[2]).read_bytes()


def document(layout: Path, kind: str) -> Any:
    """Return the document of a kind that a layout has of its one image."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    image, [found] = entries[0], [one for one in entries if one.get("artifactType") == kind]
    manifest = json.loads(blob(layout, found["digest"]))
    subject = {name: image[name] for name in ("mediaType", "digest", "size")}
    assert (manifest["artifactType"], manifest["subject"]) == (kind, subject)
    return json.loads(blob(layout, manifest["layers"][0]["digest"]))


def components(sbom: Any, kind: str) -> list[Any]:
    return [one for one in sbom["components"] if one.get("purl", "").startswith(f"pkg:{kind}/")]


def test_an_sbom_names_what_is_really_in_the_layers(doubles: Any, base: str, layout: Path) -> None:
    made = ImageBuilder(folder=layout, base_image=base).build(doubles, quiet)
    sbom = document(layout, SBOM)
    installed = set()
    for layer in json.loads(blob(layout, made["digest"]))["layers"]:
        with tarfile.open(layout / "blobs/sha256" / layer["digest"].partition(":")[2]) as archive:
            found = [re.search(r"-packages/([^/]+)-([^/]+)\.dist-info/METADATA$", name) for name in archive.getnames()]
            installed |= {(canonicalize_name(one[1]), one[2]) for one in found if one is not None}
    packages = {(one["name"], one["version"]): one for one in components(sbom, "pypi")}
    assert set(packages) == {one for one in installed if one[0] != "pip"}  # the base image's, which is hidden
    query = "dpkg-query -W -f '${Package} ${Version} ${Architecture}\n'"
    words = ["docker", "run", "--rm", "--entrypoint", "sh", base, "-c", query]
    said = subprocess.run(words, capture_output=True, text=True, check=True)
    architecture = re.compile("arch=([^&]+)")
    system = [
        f"{one['name']} {one['version']} {architecture.findall(one['purl'])[0]}" for one in components(sbom, "deb")
    ]
    assert sorted(system) == sorted(said.stdout.splitlines())
    [model] = [one for one in sbom["components"] if one["type"] == "machine-learning-model"]
    assert model["version"] == doubles.digest
    assert sbom["metadata"]["component"]["version"] == made["digest"]
    config = json.loads(blob(layout, made["image_id"]))
    assert sbom["metadata"]["timestamp"].startswith(config["created"].removesuffix("Z"))


def test_an_sbom_has_the_hashes_of_the_very_wheels_and_their_licences(doubles: Any, base: str, layout: Path) -> None:
    made = ImageBuilder(folder=layout, base_image=base).build(doubles, quiet)
    pins = ""
    for layer in json.loads(blob(layout, made["digest"]))["layers"][1:]:
        with tarfile.open(layout / "blobs/sha256" / layer["digest"].partition(":")[2]) as archive:
            if "venv/pins/hashed.txt" in archive.getnames():
                file = archive.extractfile("venv/pins/hashed.txt")
                assert file is not None
                pins = file.read().decode()
    packages = {one["name"]: one for one in components(document(layout, SBOM), "pypi")}
    hashed = {
        f"{name}=={one['version']} --hash=sha256:{one['hashes'][0]['content']}"
        for name, one in packages.items()
        if "hashes" in one
    }
    assert hashed == set(pins.splitlines())
    assert {name for name, one in packages.items() if "hashes" not in one} == {"mlem-model", "mlem-server"}
    assert packages["pydantic"]["licenses"] == [{"license": {"id": "MIT"}}]  # an expression
    assert packages["pluggy"]["licenses"] == [{"license": {"name": "MIT License"}}]  # a classifier
    assert packages["mlem-server"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_an_sbom_is_what_its_schema_says(doubles: Any, base: str, layout: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    ImageBuilder(folder=layout, base_image=base).build(doubles, quiet)
    sbom = document(layout, SBOM)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom | {"components": 1})) is not None


def test_two_people_get_the_same_documents(doubles: Any, base: str, tmp_path: Path, image_cache: Path) -> None:
    script = (
        "import sys; from mlem import api; from mlem_image.builder import ImageBuilder\n"
        f"ImageBuilder(folder=sys.argv[1], base_image={base!r}).build(api.load_meta(sys.argv[2]), lambda line: None)\n"
    )
    found = []
    for number, zone in enumerate(("Asia/Tokyo", "America/Lima")):
        home = tmp_path / f"home{number}"
        home.mkdir()
        environment = {**os.environ, "HOME": str(home), "PYTHONHASHSEED": str(number), "TZ": zone, "USER": f"u{number}"}
        command = [sys.executable, "-c", script, str(home / "out"), str(tmp_path / "double")]
        subprocess.run(command, check=True, cwd=home, env={**environment, "MLEM_IMAGE_CACHE": str(image_cache)})
        files = [path for path in (home / "out").rglob("*") if path.is_file()]
        found.append(
            {path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        )
    assert found[0] == found[1]


def test_provenance_says_what_an_image_was_made_from_and_by(doubles: Any, base: str, layout: Path) -> None:
    options = {"base_image": base, "resolution": "2026-11"}
    made = ImageBuilder(folder=layout, **options).build(doubles, quiet)
    found = document(layout, PROVENANCE)
    assert (found["_type"], found["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert found["subject"] == [{"name": "model", "digest": {"sha256": made["digest"].partition(":")[2]}}]
    definition, run = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    assert definition["buildType"] == "pkg:pypi/mlem-image#build-type-1"
    assert definition["externalParameters"]["model"] == doubles.digest
    assert definition["externalParameters"]["options"] == options
    assert list(run) == ["builder"]
    sbom = document(layout, SBOM)
    by_name = {one["name"]: one for one in definition["resolvedDependencies"]}
    [base_image] = [one for one in sbom["components"] if one["name"] == base]
    assert by_name.pop(base)["digest"] == {"sha256": base_image["version"].partition(":")[2]}
    hashes = {one["purl"]: one.get("hashes") for one in components(sbom, "pypi")}
    for one in by_name.values():
        sha256 = one.get("digest", {}).get("sha256")
        assert hashes.pop(one["uri"]) == (sha256 and [{"alg": "SHA-256", "content": sha256}])
    assert hashes == {}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The address of a wheel that no index has."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with zipfile.ZipFile(folder / "shopped-1.0-py3-none-any.whl", "w") as archive:
        info = "shopped-1.0.dist-info"
        archive.writestr("shopped.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: shopped\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"shopped.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/shopped-1.0-py3-none-any.whl"
        server.shutdown()
        thread.join()


def test_no_secret_no_user_and_no_path_is_in_a_document(
    doubles: Any, base: str, layout: Path, tmp_path: Path, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody-here")
    builder = ImageBuilder(
        folder=layout,
        base_image=base,
        packages=[f"shopped @ {shop}"],
        pip_arguments=["--trusted-host", "s3cret-word"],
        wheels=tmp_path,
    )
    builder.build(doubles, quiet)
    found = [document(layout, kind) for kind in (SBOM, PROVENANCE)]
    assert found[1]["predicate"]["buildDefinition"]["externalParameters"]["options"]["packages"] == [
        f"shopped @ {shop}"
    ]
    text = json.dumps(found)
    assert [
        word for word in ("s3cret-word", "somebody-here", str(tmp_path), str(Path.home()) + "/") if word in text
    ] == []
    assert "pkg:pypi/shopped@1.0" in text


def test_documents_are_left_out_where_that_is_asked_for(doubles: Any, base: str, layout: Path) -> None:
    ImageBuilder(folder=layout, base_image=base, sbom=False, provenance=False).build(doubles, quiet)
    assert len(json.loads((layout / "index.json").read_text())["manifests"]) == 1
    ImageBuilder(folder=layout, base_image=base, sbom=False).build(doubles, quiet)
    kinds = [one.get("artifactType") for one in json.loads((layout / "index.json").read_text())["manifests"]]
    assert kinds == [None, PROVENANCE]
