"""A build that is killed at any moment leaves nothing that the next one, or whoever uses the image, has to fear.

`MLEM_TEST_KILLS` says how often it is killed; a check that has to be quick has a share of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from mlem import NotFoundError
from mlem_image.registry.connecting import connect
from mlem_image.registry.reference import Reference
from mlem_image.registry.repository import Repository

KILLS = int(os.environ.get("MLEM_TEST_KILLS", "6"))
BUILD = (
    "import json, sys; from mlem import api; from mlem_image.builder import ImageBuilder\n"
    "builder = ImageBuilder(name=sys.argv[1], archive=sys.argv[2], base_image=sys.argv[3])\n"
    "print(json.dumps(builder.build(api.load_meta('double'), lambda line: None)['digest']))"
)
ROOMS: dict[str, tuple[str, ...]] = {"all is there": (), "layers are made": ("blobs",), "cold": ("blobs", "facts")}


@pytest.fixture(scope="session")
def lasting() -> dict[str, float]:
    """How long a build takes, in seconds, by what it has to do."""
    return {}


@pytest.mark.parametrize("number", range(KILLS))
def test_the_build_after_one_that_was_killed_ends_right(
    number: int,
    doubles: Any,
    base: str,
    push_registry: str,
    image_cache: Path,
    tmp_path: Path,
    lasting: dict[str, float],
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    moments, kind = random.Random(seed), list(ROOMS)[number % len(ROOMS)]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    name = f"{push_registry}/mlem-test/killed-{os.getpid()}-{seed:x}"
    archive = tmp_path / "image.tar"

    def start(folder: Path, tag: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "MLEM_IMAGE_CACHE": str(folder), "TMPDIR": str(temporary)}
        words = [sys.executable, "-c", BUILD, f"{name}:{tag}", str(archive), base]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finished(folder: Path, tag: str) -> str:
        output, errors = (process := start(folder, tag)).communicate()
        assert process.returncode == 0, errors
        return str(json.loads(output))

    wanted = finished(image_cache, "1")
    archive.unlink()
    folder = tmp_path / "cache"
    shutil.copytree(image_cache, folder, ignore=shutil.ignore_patterns("lock.db*", "parts"))
    for room in ROOMS[kind]:
        for path in (folder / room).iterdir():
            path.unlink()
    if kind not in lasting:
        other = tmp_path / "other"
        shutil.copytree(folder, other)
        began = time.monotonic()
        finished(other, "other")
        lasting[kind] = time.monotonic() - began
        archive.unlink()

    process = start(folder, "2")
    try:
        process.wait(moments.uniform(0, lasting[kind]))
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    assert process.returncode in (0, -9)

    _expect_whole_or_none(name, "2", wanted)
    if archive.exists():
        _expect_whole(archive)
    _expect_right_names(folder)
    assert finished(folder, "3") == wanted
    _expect_whole_or_none(name, "3", wanted)
    _expect_whole(archive)
    _expect_right_names(folder)
    assert [list((folder / "parts").iterdir()), list(temporary.iterdir())] == [[], []]
    assert [path for path in tmp_path.iterdir() if path.name.startswith((".image", "image"))] == [archive]


def _expect_whole_or_none(name: str, tag: str, digest: str) -> None:
    """An image has a name only when all of it is there."""
    reference = Reference.parse(f"{name}:{tag}")
    repository = Repository(connect(reference), reference.repository)
    try:
        found, _, manifest = repository.manifest(tag, name)
    except NotFoundError:
        return
    assert found == digest
    assert all(repository.has(blob["digest"]) for blob in (*manifest["layers"], manifest["config"]))


def _expect_whole(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isreg() and member.name.startswith("blobs/"):
                file = opened.extractfile(member)
                assert file is not None
                assert hashlib.sha256(file.read()).hexdigest() == member.name.rpartition("/")[2]
        assert "index.json" in opened.getnames()


def _expect_right_names(folder: Path) -> None:
    """Whatever has a name in the cache is what it says."""
    for path in (folder / "blobs").glob("*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for path in (folder / "facts").glob("*"):
        json.loads(path.read_bytes())
