"""Layers depend on what is in them alone, and are gzip files that everybody reads."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from mlem import MlemError
from mlem_image.cache.cache import Cache
from mlem_image.layers.entry import Entry
from mlem_image.layers.layer import Layer
from mlem_image.layers.packer import BLOCK_BYTES, Packer


def entry(path: str, content: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, mode, len(content), lambda: io.BytesIO(content))


def content_of(cache: Cache, layer: Layer) -> bytes:
    path = cache.blob(layer.digest, layer.size_bytes)
    assert path is not None
    return path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 3])
def test_a_stream_of_any_length_is_packed_and_described(size: int) -> None:
    plain, parts = os.urandom(1000) * (size // 1000) + bytes(size % 1000), list[bytes]()
    packer = Packer(parts.append)
    for start in range(0, size, 777_777):
        packer.add(plain[start : start + 777_777])
    diff_id, digest = packer.finish()
    packer.close()
    packed = b"".join(parts)
    assert gzip.decompress(packed) == plain
    assert diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert (packer.plain_bytes, packer.packed_bytes) == (len(plain), len(packed))


def test_a_layer_has_files_of_nobody_at_the_beginning_of_time(cache: Cache) -> None:
    entries = [
        entry("opt/a/one", b"1" * 1000),
        Entry("opt/a/link", link="one"),
        entry("opt/b", b"", 0o755),
        entry(f"opt/{'long' * 60}", b"x"),
    ]
    layer = Layer.make(cache, "key", "some files", entries)
    with tarfile.open(fileobj=io.BytesIO(content_of(cache, layer)), mode="r:gz") as archive:
        members = archive.getmembers()
        assert [member.name for member in members[:3]] == ["opt", "opt/a", "opt/a/one"]
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
        assert [oct(member.mode) for member in members if member.isreg()] == ["0o644", "0o755", "0o644"]
        found = archive.extractfile("opt/a/one")
        assert found is not None
        assert (found.read(), archive.getmember("opt/a/link").linkname) == (b"1" * 1000, "one")
    assert Layer.known(cache, "key") == layer
    assert Layer.known(cache, "another") is None


def test_equal_files_make_equal_layers_in_any_cache(cache: Cache, tmp_path: Path) -> None:
    def make(where: Cache) -> Layer:
        return Layer.make(where, "key", "some files", [entry("a/b", b"data" * 5000), entry("a/c", b"")])

    other = Cache(tmp_path / "other")
    with other.used():
        assert make(other) == make(cache)


def test_a_layer_that_is_damaged_or_gone_is_made_again(cache: Cache) -> None:
    layer = Layer.make(cache, "key", "some files", [entry("a", b"data")])
    path = cache.blob(layer.digest, layer.size_bytes)
    assert path is not None
    path.write_bytes(b"half")
    assert Layer.known(cache, "key") is None
    path.unlink()
    assert Layer.known(cache, "key") is None
    assert Layer.make(cache, "key", "some files", [entry("a", b"data")]) == layer


def test_a_file_that_changes_meanwhile_is_told(cache: Cache) -> None:
    with pytest.raises(MlemError, match="a/b changed while it was read"):
        Layer.make(cache, "key", "some files", [Entry("a/b", 0o644, 10, lambda: io.BytesIO(b"short"))])
    assert list((cache.folder / "parts").iterdir()) == []


def test_what_was_not_used_for_long_is_removed_and_what_is_used_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", most_bytes=15_000)
    with cache.used():
        layers = [Layer.make(cache, str(number), "noise", [entry("a", os.urandom(9_000))]) for number in range(3)]
        for number, layer in enumerate(layers):
            path = cache.blob(layer.digest, layer.size_bytes)
            assert path is not None
            os.utime(path, (number, number))
        assert all(Layer.known(cache, str(number)) for number in (0, 1))
    with Cache(tmp_path / "cache", most_bytes=15_000).used():
        assert [Layer.known(cache, str(number)) is not None for number in range(3)].count(True) == 1


def test_a_build_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with cache.used():
        (cache.folder / "parts" / "left").write_bytes(b"x" * 1000)
    with cache.used():
        assert list((cache.folder / "parts").iterdir()) == []


def test_a_cache_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MlemError, match="write to the cache"), Cache(tmp_path / "cache").used():
        pass


def test_a_digest_does_not_lead_to_another_file(tmp_path: Path) -> None:
    """As a base image may name one of its layers."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    cache = Cache(tmp_path / "cache")
    with cache.used():
        assert [cache.blob(digest, 4) for digest in (f"x:{other}", "sha256:../../other", f"sha256:{other}")] == [
            None
        ] * 3
