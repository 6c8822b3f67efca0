"""Hashes of the packages that a model needs are recorded when that is asked for, from where pip takes packages."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from mlem_model.artifacts.packages.hashes import hashed
from mlem_model.artifacts.packages.pip_settings import uv_environment
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import MlemError, NotFoundError

NAME = "mlem_of_this_test"


def wheel(folder: Path, version: str, tag: str = "py3-none-any") -> str:
    """Write a wheel, and return its SHA-256."""
    folder.mkdir(exist_ok=True)
    info = f"{NAME}-{version}.dist-info"
    path = folder / f"{NAME}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return digest_of(path)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def requirement(version: str = "1.0", **more: str) -> Requirement:
    return Requirement(module=NAME, version=version, package_name=NAME.replace("_", "-"), **more)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which pip's own file names, and nothing else."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    folder, settings = tmp_path / "wheels", tmp_path / "pip.conf"
    settings.write_text(f"[global]\nno-index = true\n[install]\nfind-links = {folder}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    return folder


def test_all_files_that_the_index_has_of_the_version_are_recorded(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = index.parent / "simple" / NAME.replace("_", "-")
    page.mkdir(parents=True)
    every = {wheel(index, "1.0"), wheel(index, "1.0", "cp311-cp311-win_amd64")}
    links = [f'<a href="{path.as_uri()}#sha256={digest_of(path)}">{path.name}</a>' for path in sorted(index.iterdir())]
    (page / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")
    (index.parent / "pip.conf").write_text(f"[global]\nindex-url = {page.parent.as_uri()}\n")
    (found,) = hashed([requirement()])
    assert set(found.hashes) == every


def test_of_a_package_in_a_folder_the_file_for_this_machine_is_recorded(index: Path) -> None:
    here = wheel(index, "1.0")
    wheel(index, "1.0", "cp311-cp311-win_amd64")
    wheel(index, "2.0")
    (found,) = hashed([requirement()])
    assert (found.hashes, found.version) == ((here,), "1.0")


def test_what_is_from_a_repository_and_what_is_mlems_own_have_none(index: Path) -> None:
    shop = requirement(url=f"git+https://example.com/shop@{'a' * 40}")
    own = Requirement(module="mlem", version="1.0", package_name="mlem-core")
    assert hashed([shop, own]) == (shop, own)


def test_a_version_that_the_index_does_not_have_is_an_error_that_names_it(index: Path) -> None:
    wheel(index, "2.0")
    with pytest.raises(NotFoundError, match=r"mlem-of-this-test==1\.0") as caught:
        hashed([requirement()])
    assert (caught.value.code, caught.value.exit_code) == ("no-package", 3)


def test_an_index_that_does_not_answer_is_an_error_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret-7@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(MlemError) as caught:
        hashed([requirement()])
    assert caught.value.code in ("no-index", "no-package")
    assert "secret-7" not in str(caught.value)


def test_settings_of_uv_count_more_than_those_of_pip(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n  https://two.example/simple\n"
        "  https://three.example/simple\n[install]\ncert = /ca.pem\n"
    )
    settings = {"PIP_CONFIG_FILE": str(file), "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    found = uv_environment(settings)
    assert found["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert found["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert found["SSL_CERT_FILE"] == "/ca.pem"
    by_variable = uv_environment({**settings, "PIP_INDEX_URL": "https://four.example/simple"})
    assert by_variable["UV_DEFAULT_INDEX"] == "https://four.example/simple"
    by_uv = uv_environment({**settings, "UV_DEFAULT_INDEX": "https://five.example/simple"})
    assert (by_uv["UV_DEFAULT_INDEX"], "UV_INDEX" in by_uv) == ("https://five.example/simple", False)


@pytest.mark.parametrize("content", ["no section = 1\n", "[global\n", "\x00\n", "[global]\nindex-url\n"])
def test_a_file_of_pips_that_says_nothing_is_passed_over(content: str, tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(content)
    settings = {"PIP_CONFIG_FILE": str(file), "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    assert "UV_DEFAULT_INDEX" not in uv_environment(settings)
