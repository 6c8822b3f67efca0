"""Images that are made without Docker: pushed to a real registry, run by a real Engine, and the same each time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mlem import ConflictError, DeclarationError, MlemError, NotFoundError, UserError, api
from mlem_image.builder import ImageBuilder


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def repository(push_registry: str, tmp_path: Path) -> str:
    """A name in the registry that nobody else uses."""
    return f"{push_registry}/mlem-test/image-{os.getpid()}-{abs(hash(tmp_path)):x}"


@pytest.fixture
def run(lacking: Callable[[str], NoReturn]) -> Iterator[Callable[[str], str]]:
    """Run an image on the Engine, and return the server's address once it is ready."""
    from waiting import wait_until

    started: list[str] = []

    def docker(*words: str) -> str:
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()

    def start(image: str) -> str:
        try:
            container = docker("run", "--detach", "--read-only", "--publish", "127.0.0.1::8080", image)
        except subprocess.CalledProcessError as error:
            lacking(f"no Engine: {error.stderr}")
        started.append(container)
        address = f"http://{docker('port', container, '8080')}"
        wait_until(lambda: _ready(address), timeout_s=60)
        return address

    yield start
    for container in started:
        docker("rm", "--force", container)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(address: str, payload: Any) -> Any:
    request = urllib.request.Request(
        f"{address}/predict", json.dumps(payload).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_a_pushed_image_answers_as_the_model(
    doubles: Any, base: str, repository: str, run: Callable[[str], str]
) -> None:
    lines: list[str] = []
    made = ImageBuilder(name=f"{repository}:1", base_image=base).build(doubles, lines.append)
    subprocess.run(["docker", "pull", "--quiet", f"{repository}@{made['digest']}"], check=True, capture_output=True)
    assert ask(run(f"{repository}@{made['digest']}"), {"x": 2.5}) == 5.0
    inspected = json.loads(
        subprocess.run(["docker", "inspect", f"{repository}@{made['digest']}"], capture_output=True, check=True).stdout
    )[0]
    assert (inspected["Id"], len(inspected["RootFS"]["Layers"])) == (made["image_id"], made["layers"])
    config = inspected["Config"]
    assert (config["User"], config["WorkingDir"], config["Labels"]["mlem.model_hash"]) == (
        "10001:10001",
        "/tmp",
        doubles.digest,
    )
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "/venv/bin/python"]
    assert ImageBuilder(name=f"{repository}:2", base_image=base).build(doubles, lines.append) == {
        **made,
        "image": f"{repository}:2",
    }
    assert lines[-1].startswith("pushing 0 of")


def test_an_archive_and_a_folder_are_the_same_image(
    doubles: Any, base: str, tmp_path: Path, run: Callable[[str], str]
) -> None:
    archive, folder = tmp_path / "image.tar", tmp_path / "layout"
    made = ImageBuilder(archive=archive, folder=folder, base_image=base, sbom=False, provenance=False).build(
        doubles, quiet
    )
    loaded = subprocess.run(
        ["docker", "load", "--quiet", "--input", archive], capture_output=True, text=True, check=True
    )
    assert "model:latest" in loaded.stdout
    try:
        assert ask(run(made["image_id"]), {"x": 1}) == 2.0
    finally:
        subprocess.run(["docker", "rmi", "--force", "model:latest"], capture_output=True, check=False)
    index = json.loads((folder / "index.json").read_text())
    assert index["manifests"][0]["digest"] == made["digest"]
    with tarfile.open(archive) as found:
        names = {member.name for member in found if member.isreg()}
    assert names == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_tools_of_others_read_it(
    doubles: Any, base: str, repository: str, tmp_path: Path, lacking: Callable[[str], NoReturn]
) -> None:
    if shutil.which("skopeo") is None or shutil.which("umoci") is None:
        lacking("no skopeo and umoci: python tools/neighbours.py installs them")
    made = ImageBuilder(name=f"{repository}:1", folder=tmp_path / "layout", base_image=base).build(doubles, quiet)

    def say(*words: str | Path) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    inspected = json.loads(say("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}:1"))
    assert (inspected["Digest"], len(inspected["Layers"])) == (made["digest"], made["layers"])
    say("skopeo", "copy", "--src-tls-verify=false", f"docker://{repository}:1", f"oci:{tmp_path / 'copied'}:1")
    for layout in (f"{tmp_path / 'layout'}:1", f"{tmp_path / 'copied'}:1"):
        target = tmp_path / f"bundle-{layout.split('/')[-1].replace(':', '-')}"
        say("umoci", "unpack", "--rootless", "--image", layout, target)
        root = target / "rootfs"
        assert (root / "opt/mlem/model/model.mlem").is_file()
        assert (root / "venv/bin/mlem-server").stat().st_mode & 0o111
        assert not list(root.rglob("site-packages/pip"))


def test_two_people_make_the_same_image(doubles: Any, base: str, tmp_path: Path) -> None:
    """With other caches, folders, homes, hash seeds, umasks, and at another time."""
    script = (
        "import os, sys; os.umask(int(sys.argv[1], 8))\n"
        "from mlem import api; from mlem_image.builder import ImageBuilder\n"
        f"builder = ImageBuilder(folder=sys.argv[2], base_image={base!r})\n"
        "print(builder.build(api.load_meta(sys.argv[3]), lambda line: None)['digest'])\n"
    )
    digests = []
    for number, umask in enumerate(("077", "002")):
        home = tmp_path / f"home{number}"
        (home / "model").mkdir(parents=True)
        for path in tmp_path.glob("double*"):
            (home / "model" / path.name).write_bytes(path.read_bytes())
            os.utime(home / "model" / path.name, (number, number))
        done = subprocess.run(
            [sys.executable, "-c", script, umask, str(home / "out"), str(home / "model" / "double")],
            capture_output=True,
            text=True,
            check=True,
            cwd=home,
            env={**os.environ, "HOME": str(home), "MLEM_IMAGE_CACHE": str(home / "c"), "PYTHONHASHSEED": str(number)},
        )
        digests.append(done.stdout.strip())
    assert digests[0] == digests[1]
    check = ImageBuilder(base_image=base, check=digests[0])
    assert check.build(doubles, quiet)["digest"] == digests[0]
    with pytest.raises(ConflictError, match="has the digest"):
        ImageBuilder(base_image=base, check=f"sha256:{0:064d}").build(doubles, quiet)


def test_another_model_makes_one_layer(doubles: Any, base: str, repository: str, tmp_path: Path) -> None:
    ImageBuilder(name=f"{repository}:1", base_image=base).build(doubles, quiet)
    api.save(lambda x: 3 * x, "triple", sample_data=1.5)
    lines: list[str] = []
    ImageBuilder(name=f"{repository}:2", base_image=base).build(api.load_meta("triple"), lines.append)
    assert lines[0].startswith("pushing 1 of")
    assert not any("fetching" in line for line in lines)


def test_a_base_image_is_looked_through_without_unpacking_it(doubles: Any, base: str) -> None:
    from mlem_image.base.base_image import BaseImage
    from mlem_image.base.contents import Contents
    from mlem_image.cache.cache import Cache
    from mlem_image.registry.connecting import connect

    cache = Cache()
    with cache.used():
        found = Contents.of(BaseImage.find(base, "linux/amd64", connect), cache)
    command = "find / -xdev -perm /6000 -type f | sort; ls -d /usr/bin/python3.11; ldd --version | head -1"
    said = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "sh", base, "-c", command],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert [f"/{path}" for path in sorted(found.marked)] == said[:-2]
    assert (found.pythons["3.11"], found.libc) == (said[-2], f"glibc {said[-1].rpartition(' ')[2]}")
    assert found.pips


def test_nothing_of_pip_and_no_rights_are_left(
    doubles: Any, base: str, repository: str, lacking: Callable[[str], NoReturn]
) -> None:
    ImageBuilder(name=f"{repository}:1", base_image=base).build(doubles, quiet)
    command = (
        "find / -xdev -perm /6000 -type f; command -v pip pip3; id -u;"
        "for p in /venv/bin/python /usr/bin/python3; do $p -c 'import pip'; $p -c 'import ensurepip'; done"
    )
    said = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "sh", f"{repository}:1", "-c", command],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    assert said == ["10001"]


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"packages": ["lightgbm"]}, DeclarationError, r"lightgbm needs libgomp.so.1 \(libgomp1\)"),
        ({"system_packages": ["libgl1"]}, DeclarationError, "Debian packages libgl1"),
        ({"packages": ["git-thing @ git+https://example.com/x"]}, DeclarationError, "comes from a repository"),
        ({"packages": ["mlem-no-such-package"]}, NotFoundError, "in no index"),
        ({"packages": ["numpy==1.0.99"]}, UserError, "exclude each other|no index"),
        ({"platform": "linux/arm64"}, DeclarationError, "is for linux/amd64"),
    ],
)
def test_what_can_not_be_is_said_before_anything_is_made(
    fields: dict[str, Any], error: type[MlemError], words: str, doubles: Any, base: str, repository: str
) -> None:
    lines: list[str] = []
    with pytest.raises(error, match=words) as raised:
        ImageBuilder(name=f"{repository}:1", base_image=base, **fields).build(doubles, lines.append)
    assert raised.value.hint
    assert not any("made" in line or "pushing" in line for line in lines)


def test_an_image_for_another_machine_has_the_libraries_of_that_machine(
    doubles: Any, base: str, push_registry: str, tmp_path: Path
) -> None:
    """The base image is this machine's, and says that it is for another: what is in it does not matter here."""
    from elftools.elf.elffile import ELFFile

    from mlem_image.registry.connecting import connect
    from mlem_image.registry.reference import Reference
    from mlem_image.registry.repository import Repository

    reference = Reference.parse(base)
    repository = Repository(connect(reference), reference.repository)
    _, kind, manifest = repository.manifest(reference.version, base)
    config = json.loads(repository.read(manifest["config"]["digest"], 2**20)) | {"architecture": "arm64"}
    content = json.dumps(config).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    repository.push(digest, len(content), lambda offset: io.BytesIO(content[offset:]), lambda _bytes: None)
    manifest["config"] |= {"digest": digest, "size": len(content)}
    repository.push_manifest("arm64", kind, json.dumps(manifest).encode())

    layout = tmp_path / "layout"
    other = f"{push_registry}/{reference.repository}:arm64"
    made = ImageBuilder(folder=layout, base_image=other, platform="linux/arm64").build(doubles, quiet)
    found = json.loads((layout / "blobs/sha256" / made["image_id"].partition(":")[2]).read_text())
    assert (found["os"], found["architecture"]) == ("linux", "arm64")
    ours = json.loads((layout / "blobs/sha256" / made["digest"].partition(":")[2]).read_text())["layers"][1:]
    machines = set()
    for layer in ours:
        with tarfile.open(layout / "blobs/sha256" / layer["digest"].partition(":")[2]) as archive:
            for member in archive:
                if member.isreg() and member.name.endswith(".so"):
                    file = archive.extractfile(member)
                    assert file is not None
                    machines.add(ELFFile(io.BytesIO(file.read())).get_machine_arch())
    assert machines == {"AArch64"}


def test_a_base_image_with_another_python_is_taken_where_that_is_accepted(
    doubles: Any, base: str, repository: str, run: Callable[[str], str]
) -> None:
    api.save(abs, "abs", sample_data=-1.5)
    other = {"python_version": "3.12", "accept_version_differences": True}
    ImageBuilder(name=f"{repository}:1", base_image=base, **other).build(api.load_meta("abs"), quiet)
    subprocess.run(["docker", "pull", "--quiet", f"{repository}:1"], check=True, capture_output=True)
    assert ask(run(f"{repository}:1"), {"x": -2.5}) == 2.5


def test_a_registry_that_has_no_such_image_or_is_not_there(doubles: Any, base: str, push_registry: str) -> None:
    with pytest.raises(NotFoundError, match="404"):
        ImageBuilder(name=f"{push_registry}/x:1", base_image=f"{push_registry}/mlem-test/none:1").build(doubles, quiet)
    with pytest.raises(MlemError, match="can't be reached"):
        ImageBuilder(name="127.0.0.1:9/x:1", base_image=base).build(doubles, quiet)


def test_it_says_where_it_goes() -> None:
    with pytest.raises(ValueError, match="say where the image goes"):
        ImageBuilder()
