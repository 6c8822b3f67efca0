"""Packages from repositories and folders are built here where that is trusted and they are pure; else refused."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlem import DeclarationError
from mlem_image.builder import ImageBuilder
from mlem_image.cache.cache import Cache
from mlem_image.packages.choosing import choose
from mlem_image.packages.sources import VARIABLE, build, expect_buildable, put
from mlem_image.packages.target import Target
from mlem_image.recipes.pins import Pins

TARGET = Target("3.11", "amd64", "glibc 2.36")
BACKEND = """
import pathlib, time, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    marker = pathlib.Path({marker!r})
    marker.write_text((marker.read_text() if marker.exists() else "") + "built ")
    name = "mlem_shop-1.0-{tag}.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as archive:
        info = "mlem_shop-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: mlem-shop\\nVersion: 1.0\\n")
        archive.writestr(zipfile.ZipInfo("mlem_shop.py", time.gmtime()[:6]), pathlib.Path("mlem_shop.py").read_text())
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        archive.writestr(info + "RECORD", "mlem_shop.py,,\\n")
    return name
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that the package's own code writes to, each time that it is built."""
    return tmp_path / "marker"


def source(folder: Path, marker: Path, tag: str = "py3-none-any") -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(BACKEND.format(marker=str(marker), tag=tag))
    (folder / "mlem_shop.py").write_text("price = 1\n")
    return folder


def line(folder: Path) -> str:
    return f"mlem-shop @ {folder.as_uri()}"


def committed(folder: Path) -> str:
    """Commit a folder, and return the line for pip."""

    def git(*words: str) -> str:
        own = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
        return subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "x")
    return f"mlem-shop @ git+file://localhost{folder}@{git('rev-parse', 'HEAD').strip()}"


def test_a_commit_is_built_once_to_the_same_bytes(
    cache: Cache, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = committed(source(tmp_path / "shop", marker))
    [found] = choose(cache, [wanted], TARGET)
    assert (found.name, found.version, found.file) == ("mlem-shop", "1.0", "mlem_shop-1.0-py3-none-any.whl")
    assert found.line == wanted
    assert Pins.of([found.line]).unhashed == (wanted,)
    assert choose(cache, [wanted], TARGET, resolution="2") == [found]
    assert marker.read_text() == "built "
    with zipfile.ZipFile(put(cache, found, tmp_path)) as archive:
        assert archive.read("mlem_shop.py") == b"price = 1\n"
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    other = Cache(tmp_path / "other")
    with other.used():
        assert build(other, wanted, TARGET) == found
    assert marker.read_text() == "built built "


def test_a_folder_is_built_as_it_is_now_and_stays_as_it_is(cache: Cache, tmp_path: Path, marker: Path) -> None:
    folder = source(tmp_path / "shop", marker)
    before = sorted(path.name for path in folder.rglob("*"))
    [first] = choose(cache, [line(folder)], TARGET)
    assert str(tmp_path) not in first.line
    (folder / "mlem_shop.py").write_text("price = 2\n")
    [second] = choose(cache, [line(folder)], TARGET)
    assert first.sha256 != second.sha256
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_what_compiles_something_is_refused(cache: Cache, tmp_path: Path, marker: Path) -> None:
    folder = source(tmp_path / "shop", marker, "cp311-cp311-linux_x86_64")
    with pytest.raises(DeclarationError, match="compiles something for the machine that builds it") as raised:
        choose(cache, [line(folder)], TARGET)
    assert raised.value.code == "needs-a-run"


def test_nothing_of_it_runs_without_the_word_of_who_deploys(
    doubles: Any, base: str, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = line(source(tmp_path / "shop", marker))
    builder = ImageBuilder(folder=tmp_path / "out", base_image=base, packages=[wanted])
    with pytest.raises(DeclarationError, match="runs its code on this machine") as raised:
        builder.build(doubles, lambda _line: None)
    assert (raised.value.code, VARIABLE in raised.value.hint) == ("needs-a-run", True)
    assert not marker.exists()
    monkeypatch.setenv(VARIABLE, "true")
    first = builder.build(doubles, lambda _line: None)
    assert (marker.read_text(), builder.build(doubles, lambda _line: None)) == ("built ", first)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("git+https://example.com/x@main", "not-pinned"),
        ("git+https://example.com/x", "not-pinned"),
        (f"git+https://me:secret-value@example.com/x@{'a' * 40}", "secret-in-address"),
    ],
)
def test_an_address_at_no_commit_or_with_a_password_is_refused(
    address: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "true")
    with pytest.raises(DeclarationError) as raised:
        expect_buildable([f"thing @ {address}"])
    assert raised.value.code == code
    assert "secret-value" not in f"{raised.value.message} {raised.value.hint}"
