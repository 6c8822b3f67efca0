"""A base image is anybody's: what is in it is found through all layers, and what is damaged or hostile is told."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from mlem import ConflictError
from mlem_image.base import contents
from mlem_image.base.base_image import BaseImage, BlobOf
from mlem_image.base.contents import Contents
from mlem_image.base.hardening import hardened
from mlem_image.cache.cache import Cache

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
STATUS = b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9+deb12u9\n\nPackage: libgomp1\nVersion: 12\n"


def layer(**files: bytes | int | str) -> bytes:
    """Write a layer: contents by paths with `__` for slashes; a number is a program's permissions."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/").replace("_dot_", ".").replace("_dash_", "-"))
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
                continue
            data = b"program" if isinstance(content, int) else content
            member.mode, member.size = content if isinstance(content, int) else 0o644, len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class Shelf:
    """Blobs by their digest, as a repository has them."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._blobs = blobs

    def stream(self, digest: str, size_bytes: int) -> Iterator[bytes]:
        content = self._blobs[digest]
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]


def look(cache: Cache, *layers: bytes, kind: str = GZIP) -> Contents:
    digests = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    shelf: Any = Shelf(dict(zip(digests, layers, strict=True)))
    blobs = tuple(BlobOf(name, len(one), kind, "") for name, one in zip(digests, layers, strict=True))
    return Contents.of(BaseImage("base", "".join(digests), shelf, {}, blobs), cache)


def test_what_upper_layers_hide_or_replace_is_not_there(cache: Cache) -> None:
    lower = layer(
        usr__bin__python3_dot_11=0o755,
        usr__local__bin__python3_dot_12=0o755,
        usr__bin__su=0o4755,
        usr__bin__mount=0o4755,
        usr__bin__wall=0o2755,
        usr__lib__x86_64_dash_linux_dash_gnu__libgomp_dot_so_dot_1=b"",
        usr__lib__x86_64_dash_linux_dash_gnu__libz_dot_so_dot_1="libz.so.1.2",
        usr__lib__python3__dist_dash_packages__pip__main_dot_py=b"",
        usr__lib__python3_dot_11__ensurepip__init_dot_py=b"",
        usr__bin__pip3=0o755,
        var__lib__dpkg__status=STATUS,
        etc__os_dash_release=b'ID=debian\nVERSION_ID="12"\n',
    )
    upper = layer(
        **{"usr/bin/.wh.mount": b"", "usr/local/.wh..wh..opq": b""},
        usr__bin__wall=0o755,
    )
    found = look(cache, lower, upper)
    assert found.pythons == {"3.11": "/usr/bin/python3.11"}
    assert found.libraries == ["libgomp.so.1", "libz.so.1"]
    assert (found.libc, found.system) == ("glibc 2.36", "debian 12")
    assert found.packages == ["libc6", "libgomp1"]
    assert list(found.marked) == ["usr/bin/su"]
    entries = {entry.path: entry.mode for entry in hardened(found)}
    assert entries == {
        "usr/bin/.wh.pip3": 0o600,
        "usr/bin/su": 0o755,
        "usr/lib/python3/dist-packages/.wh.pip": 0o600,
        "usr/lib/python3.11/.wh.ensurepip": 0o600,
    }
    assert look(cache, lower, upper) == found


def test_alpine_has_another_c_library(cache: Cache) -> None:
    found = look(cache, layer(lib__ld_dash_musl_dash_x86_64_dot_so_dot_1=b"", usr__bin__python3_dot_12=0o755))
    assert (found.libc, list(found.pythons)) == ("musl 1.2", ["3.12"])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"no archive at all", GZIP),
        (layer(a=b"x" * 5000)[:-40], GZIP),
        (gzip.compress(b"\xff" * 2000), GZIP),
        (layer(a=b"x"), "application/vnd.oci.image.layer.v1.tar+zstd"),
    ],
    ids=["no archive", "cut", "no files", "zstd"],
)
def test_a_layer_that_can_not_be_read_is_told(content: bytes, kind: str, cache: Cache) -> None:
    with pytest.raises(ConflictError, match=r"damaged|zstd"):
        look(cache, content, kind=kind)


def test_too_much_is_refused_before_it_is_in_memory(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    huge = tarfile.TarInfo("huge")
    huge.size = 2**40
    buffer.write(huge.tobuf(tarfile.PAX_FORMAT))
    with pytest.raises(ConflictError, match="too large"):
        look(cache, gzip.compress(buffer.getvalue()))
    monkeypatch.setattr(contents, "_MOST_FILES", 3)
    with pytest.raises(ConflictError, match="too many"):
        look(cache, layer(a=b"", b=b"", c=b"", d=b""))


def test_packages_of_the_system_and_of_python_are_known_with_their_versions(cache: Cache) -> None:
    status = (
        b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9+deb12u9\nArchitecture: amd64\n\n"
        b"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n\n"
        b"Package: no version\nStatus: install ok installed\nArchitecture: amd64\n\n"
        b"Package: \xff\xfe\nStatus: install ok installed\nVersion: 1;rm\nArchitecture: amd64\n"
    )
    found = look(
        cache,
        layer(
            var__lib__dpkg__status=status,
            usr__lib__python3__dist_dash_packages__six_dash_1_dot_16_dot_0_dot_dist_dash_info__METADATA=b"",
            usr__lib__python3__dist_dash_packages__pip_dash_23_dot_0_dot_dist_dash_info__METADATA=b"",
        ),
    )
    assert found.installed == [["libc6", "2.36-9+deb12u9", "amd64"]]
    assert found.distributions == [["six", "1.16.0"]]


def test_packages_of_alpine_are_known_too(cache: Cache) -> None:
    installed = b"C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nT:the C library\n\nP:zlib\nV:1.3-r1\nA:x86_64\n"
    assert look(cache, layer(lib__apk__db__installed=installed)).installed == [
        ["musl", "1.2.4-r2", "x86_64"],
        ["zlib", "1.3-r1", "x86_64"],
    ]


def test_more_packages_than_any_system_has_are_refused(cache: Cache) -> None:
    stanza = "Package: p{}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
    status = "".join(stanza.format(number) for number in range(20_001)).encode()
    with pytest.raises(ConflictError, match="too many packages"):
        look(cache, layer(var__lib__dpkg__status=status))
