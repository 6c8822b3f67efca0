"""Where objects are saved, and what they may replace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mlem import api
from mlem_model.artifacts.destinations.destination import destination
from mlem_model.errors import (
    ConflictError,
    CredentialsError,
    MlemError,
    NotFoundError,
    PlatformError,
    PluginError,
    UserError,
)
from mlem_model.models.model import Model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def memory(folder: Path) -> Iterator[MemoryFileSystem]:
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def double(x: int) -> int:
    return x * 2


def triple(x: int) -> int:
    return x * 3


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name not in (".mlem.yaml", ".gitignore")
    )


@pytest.mark.parametrize(
    "url",
    [
        "memory://bucket/iris",
        "memory://bucket/deep/iris.mlem",
        "memory://iris",
        "file://{}/out/iris",
        "local://{}/iris",
    ],
)
def test_an_object_is_saved_where_the_url_says_and_nowhere_else(
    memory: MemoryFileSystem, tmp_path_factory: Any, folder: Path, url: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    url = url.format(elsewhere)
    for obj, sample in ((double, 1), (triple, 2)):
        saved = api.save(obj, url, sample_data=sample)
        assert api.load_meta(url) == saved
        assert api.load(url)(5) == obj(5)
        assert api.apply(url, 7) == obj(7)
    assert names(folder) == []
    base = url.removesuffix(".mlem")
    fs, path = fsspec.core.url_to_fs(base.rpartition("/")[0] + "/")
    found = [name for name in fs.find(path) if "iris" in name]
    assert len(found) == 2  # the artifact that was replaced is gone
    assert fs.exists(f"{base.partition('://')[2] if 'memory' not in base else base}.mlem")


def test_data_is_saved_where_the_url_says(memory: MemoryFileSystem, folder: Path) -> None:
    for value in (np.arange(3.0), np.arange(6.0).reshape(2, 3)):
        api.save(value, "memory://bucket/rows.npy")
        assert api.load("memory://bucket/rows.npy").tolist() == value.tolist()
        assert api.load_meta("memory://bucket/rows.npy").artifact.format == "npy"
    assert len(memory.find("bucket")) == 2
    assert names(folder) == []


class FlakyFileSystem(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no type information
    """A store in memory of its own, which fails once where a name ends with a word.

    Half of what it was given is there then.
    """

    protocol = "flaky"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    fails: dict[str, Exception] = {}

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        for word in [word for word in self.fails if path.endswith(word)]:
            super().pipe_file(path, value[: len(value) // 2], mode, **kwargs)
            raise self.fails.pop(word)
        super().pipe_file(path, value, mode, **kwargs)

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())


@pytest.fixture
def flaky(folder: Path) -> Iterator[type[FlakyFileSystem]]:
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    yield FlakyFileSystem
    FlakyFileSystem.store.clear()
    FlakyFileSystem.fails.clear()


@pytest.mark.parametrize("word", ["", ".mlem"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError("broken"), PlatformError),
        (PermissionError("no"), CredentialsError),
        (FileNotFoundError("no bucket"), NotFoundError),
        (NotImplementedError(), UserError),
        (ImportError("Install s3fs to access S3"), PluginError),
        (RuntimeError("odd"), PlatformError),
    ],
)
def test_a_store_that_fails_has_what_it_had_before(
    flaky: type[FlakyFileSystem], word: str, error: Exception, kind: type[MlemError]
) -> None:
    flaky.fails[word] = error
    with pytest.raises(kind):
        api.save(double, "flaky://bucket/m", sample_data=1)
    assert flaky.store == {}
    api.save(double, "flaky://bucket/m", sample_data=1)
    before = {name: file.getvalue() for name, file in flaky.store.items()}
    flaky.fails[word] = error
    with pytest.raises(kind):
        api.save(triple, "flaky://bucket/m", sample_data=1)
    assert {name: file.getvalue() for name, file in flaky.store.items()} == before
    assert api.load("flaky://bucket/m")(2) == 4


def test_a_package_that_is_not_installed_comes_with_what_to_install(folder: Path) -> None:
    for attempt in (
        lambda: api.save(double, "abfs://bucket/iris", sample_data=1),
        lambda: api.load("abfs://bucket/iris"),
    ):
        with pytest.raises(PluginError) as caught:
            attempt()
        assert (caught.value.code, caught.value.hint) == ("not-installed", "pip install adlfs")
    with pytest.raises(UserError) as unknown:
        api.save(double, "nosuch://bucket/iris", sample_data=1)
    assert unknown.value.code == "unknown-scheme"
    assert names(folder) == []


def test_a_file_of_the_users_is_never_replaced_unless_it_is_asked_for(folder: Path) -> None:
    (folder / "have.pkl").write_text("mine")
    for obj, sample in ((double, 1), ([1, 2], None)):
        with pytest.raises(ConflictError) as caught:
            api.save(obj, "have.pkl", sample_data=sample)
        assert (caught.value.code, caught.value.message, caught.value.hint) == (
            "exists",
            "have.pkl already exists, and was not saved by mlem: have.pkl.mlem is not there",
            "choose another name, or replace it with overwrite=True",
        )
    assert (names(folder), (folder / "have.pkl").read_text()) == (["have.pkl"], "mine")
    api.save(double, "have.pkl", sample_data=1, overwrite=True)
    assert api.load("have.pkl")(4) == 8
    api.save(triple, "have.pkl", sample_data=1)  # it is ours by now
    assert (api.load("have.pkl")(4), names(folder)) == (12, ["have.pkl", "have.pkl.mlem"])


def test_a_file_that_the_metadata_beside_it_does_not_list_is_the_users(folder: Path) -> None:
    api.save(double, "m", sample_data=1)
    (folder / "m").rename(folder / "elsewhere")
    metadata = folder / "m.mlem"
    metadata.write_text(metadata.read_text().replace("uri: m\n", "uri: elsewhere\n"))
    assert api.load("m")(2) == 4
    (folder / "m").write_text("mine")
    with pytest.raises(ConflictError, match=r"was not saved by mlem: m\.mlem does not list it"):
        api.save(triple, "m", sample_data=1)
    assert (folder / "m").read_text() == "mine"
    (folder / "m").unlink()
    api.save(triple, "m", sample_data=1)
    assert (api.load("m")(2), names(folder)) == (6, ["m", "m.mlem"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("object_type: env\ntype: local\n", "is a env, not a model"),
        ("object_type: deployment\ntype: local_process\n", "is a deployment, not a model"),
        ("object_type: data\n", "is a data, not a model"),
        ("a: b\n", "is not an object of mlem"),
        ("[", "is not an object of mlem"),
        ("", "is not an object of mlem"),
    ],
)
def test_an_object_of_another_kind_is_never_replaced_unless_it_is_asked_for(
    folder: Path, content: str, why: str
) -> None:
    (folder / "x.mlem").write_text(content)
    with pytest.raises(ConflictError) as caught:
        api.save(double, "x", sample_data=1)
    assert (caught.value.code, caught.value.message) == ("exists", f"x.mlem already exists, and {why}")
    assert (names(folder), (folder / "x.mlem").read_text()) == (["x.mlem"], content)
    api.save(double, "x", sample_data=1, overwrite=True)
    assert api.load("x")(2) == 4


def test_a_model_is_not_replaced_by_data(folder: Path) -> None:
    api.save(double, "x", sample_data=1)
    with pytest.raises(ConflictError, match="is a model, not a data"):
        api.save([1], "x")
    api.save([1], "x", overwrite=True)
    assert (api.load("x"), names(folder)) == ([1], ["x", "x.mlem"])


@pytest.mark.parametrize("base", ["", "memory://bucket/"])
def test_files_beside_the_artifact_are_placed_as_carefully(memory: MemoryFileSystem, folder: Path, base: str) -> None:
    large = ["x" * 100_000]
    fs, path = fsspec.core.url_to_fs(f"{base}m" if base else str(folder / "m"))
    fs.pipe_file(f"{path}.samples.json", b"mine")
    with pytest.raises(ConflictError, match=r"m\.samples\.json already exists, and was not saved by mlem"):
        api.save(len, f"{base}m", sample_data=large)
    assert (fs.cat_file(f"{path}.samples.json"), fs.exists(path), fs.exists(f"{path}.mlem")) == (b"mine", False, False)
    fs.rm_file(f"{path}.samples.json")
    for sample, count in ((large, 3), (large, 3), (["x"], 2)):  # what is ours comes and goes with the object
        api.save(len, f"{base}m", sample_data=sample)
        assert api.apply(f"{base}m", ["a", "b"]) == 2
        assert len([name for name in fs.find(path.rpartition("/")[0]) if "/m" in name]) == count


def test_a_folder_is_never_replaced(folder: Path) -> None:
    for name in ("m", "n.mlem"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ConflictError, match="m is a folder"):
            api.save(double, "m", sample_data=1, overwrite=overwrite)
        with pytest.raises(ConflictError, match=r"n\.mlem is a folder"):
            api.save([1], "n", overwrite=overwrite)
    assert names(folder) == ["m", "m/file", "n.mlem", "n.mlem/file"]


def test_the_users_files_of_a_store_are_safe_as_well(memory: MemoryFileSystem) -> None:
    memory.pipe_file("/bucket/have.pkl", b"mine")
    memory.pipe_file("/bucket/x.mlem", b"object_type: env\n")
    memory.pipe_file("/bucket/folder/file", b"mine")
    for name in ("have.pkl", "x", "folder"):
        with pytest.raises(ConflictError):
            api.save(double, f"memory://bucket/{name}", sample_data=1)
    assert memory.find("bucket") == ["/bucket/folder/file", "/bucket/have.pkl", "/bucket/x.mlem"]
    for name in ("have.pkl", "x"):
        for obj in (double, triple):
            api.save(obj, f"memory://bucket/{name}", sample_data=1, overwrite=True)
            assert api.load(f"memory://bucket/{name}")(2) == obj(2)
    assert len(memory.find("bucket")) == 5


def test_a_model_that_can_not_be_written_leaves_the_one_before(folder: Path) -> None:
    api.save(double, "m", sample_data=1)
    before = {name: (folder / name).read_bytes() for name in names(folder)}

    class Unpicklable:
        def __call__(self, x: int) -> int:
            return x

        def __reduce__(self) -> Any:
            raise TypeError("never")

    with pytest.raises(UserError, match="can't be pickled"):
        api.save(Unpicklable(), "m", sample_data=1)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_what_is_replaced_keeps_its_permissions(folder: Path) -> None:
    api.save(double, "m", sample_data=1)
    (folder / "m.mlem").chmod(0o640)
    api.save(triple, "m", sample_data=1)
    assert (folder / "m.mlem").stat().st_mode & 0o777 == 0o640


def test_a_destination_is_found_with_or_without_the_extension(folder: Path) -> None:
    assert [destination(address).name for address in ("a/b.mlem", Path("a/b"), "memory://a/b.mlem", "memory://b")] == [
        "b"
    ] * 4
    assert isinstance(api.save(double, "a/b.mlem", sample_data=1), Model)
    assert names(folder) == ["a", "a/b", "a/b.mlem"]
