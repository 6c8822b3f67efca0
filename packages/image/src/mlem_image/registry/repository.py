"""`Repository`: the images of one name in a registry: manifests and layers."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from urllib3.exceptions import HTTPError

from mlem import ConflictError, MlemError, PlatformError
from mlem_image.registry.http import ATTEMPTS, Connection, unreachable

INDEX, MANIFEST, CONFIG = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest", "config"))
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED = ", ".join((INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))
_CHUNK_BYTES = 2**20
Moved = Callable[[int], None]
"""Called with the number of bytes that have moved."""


class Repository:
    """The images of one name.

    Args:
        connection: To the registry.
        name: The name there.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self.host = connection.host
        self._connection = connection
        self._path = f"/v2/{quote(name)}"

    def manifest(self, version: str, shown: str) -> tuple[str, str, dict[str, Any]]:
        """Return the manifest of an image, or the index of several.

        Args:
            version: Its tag or digest.
            shown: The image, for messages.

        Returns:
            Its digest, its media type and its content.

        Raises:
            NotFoundError: There is none.
            ConflictError: It is not the one that was asked for.
            MlemError: The registry refuses, or does not answer.
        """
        _, headers, content = self._connection.request(
            "GET",
            f"{self._path}/manifests/{version}",
            f"get the image {shown}",
            scope=self._scope("pull"),
            headers={"Accept": ACCEPTED},
        )
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if version.startswith("sha256:") and version != digest:
            raise ConflictError(f"{self.host} has another image as {shown}", code="hashes-differ")
        try:
            found = json.loads(content)
            kind = str(found.get("mediaType") or headers.get("content-type", "").partition(";")[0])
        except (ValueError, AttributeError) as error:
            raise PlatformError(f"what {self.host} has as {shown} is no manifest", code="registry") from error
        return digest, kind, found

    def read(self, digest: str, most_bytes: int) -> bytes:
        """Return a small blob, such as a configuration.

        Raises:
            ConflictError: It has another digest.
            MlemError: The registry refuses, or does not answer.
        """
        return b"".join(self.stream(digest, most_bytes))

    def stream(self, digest: str, size_bytes: int, moved: Moved = lambda _bytes: None) -> Iterator[bytes]:
        """Yield the content of a blob; where the connection is cut, it goes on from there.

        Args:
            digest: Which.
            size_bytes: Its size, or the most that it may have.
            moved: Called with the size of each part.

        Raises:
            ConflictError: It has another digest, or is longer.
            MlemError: The registry refuses, or does not answer.
        """
        what = f"get a layer of {self.host}/{self.name}"
        found, offset, attempt = hashlib.sha256(), 0, 0
        while True:
            try:
                with self._connection.stream(
                    f"{self._path}/blobs/{digest}", what, scope=self._scope("pull"), offset=offset
                ) as answer:
                    while chunk := answer.read(_CHUNK_BYTES):
                        offset += len(chunk)
                        if offset > size_bytes:
                            raise ConflictError(f"{what}: it is longer than it says", code="hashes-differ")
                        found.update(chunk)
                        moved(len(chunk))
                        yield chunk
                        attempt = 0
                break
            except (HTTPError, OSError) as cause:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise unreachable(self.host, what, cause) from cause
        if f"sha256:{found.hexdigest()}" != digest:
            raise ConflictError(f"{what}: {digest} has another content", code="hashes-differ")

    def has(self, digest: str) -> bool:
        """Whether there is a blob."""
        status, _, _ = self._connection.request(
            "HEAD", f"{self._path}/blobs/{digest}", self._pushing, scope=self._scope("pull,push"), expect=(200, 404)
        )
        return status == 200

    def mount(self, digest: str, other: str) -> bool:
        """Take a blob of another repository of the registry; return whether it could be taken.

        Args:
            digest: Which.
            other: The other repository's name.
        """
        query = urlencode({"mount": digest, "from": other})
        try:
            status, _, _ = self._connection.request(
                "POST",
                f"{self._path}/blobs/uploads/?{query}",
                self._pushing,
                scope=self._scope("pull,push"),
                headers={"Content-Length": "0"},
                expect=(201, 202),
            )
        except MlemError:  # one who may not read the other one, or a registry that does not know this
            return False
        return status == 201

    def push(self, digest: str, size_bytes: int, open_at: Callable[[int], IO[bytes]], moved: Moved) -> None:
        """Send a blob; where the connection is cut, it goes on from there.

        Args:
            digest: Its digest.
            size_bytes: Its size.
            open_at: Opens its content from a byte on.
            moved: Called with the size of each part.

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        for attempt in range(1, ATTEMPTS + 1):
            place = self._begin()
            try:
                place = self._send(place, size_bytes, open_at, moved)
                joined = f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': digest})}"
                self._connection.request(
                    "PUT", joined, self._pushing, scope=self._scope("pull,push"),
                    headers={"Content-Length": "0"}, expect=(201, 204),
                )  # fmt: skip
                return
            except (HTTPError, OSError) as cause:
                if attempt == ATTEMPTS:
                    raise unreachable(self.host, self._pushing, cause) from cause

    def push_manifest(self, version: str, media_type: str, content: bytes) -> str:
        """Send a manifest, which makes an image of the blobs that it names; return its digest.

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        self._connection.request(
            "PUT",
            f"{self._path}/manifests/{version}",
            self._pushing,
            scope=self._scope("pull,push"),
            headers={"Content-Type": media_type},
            body=content,
            expect=(201,),
        )
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    @property
    def _pushing(self) -> str:
        return f"push {self.host}/{self.name}"

    def _scope(self, actions: str) -> str:
        return f"repository:{self.name}:{actions}"

    def _begin(self) -> str:
        _, headers, _ = self._connection.request(
            "POST",
            f"{self._path}/blobs/uploads/",
            self._pushing,
            scope=self._scope("pull,push"),
            headers={"Content-Length": "0"},
            expect=(202,),
        )
        return _location(headers, self.host)

    def _send(self, place: str, size_bytes: int, open_at: Callable[[int], IO[bytes]], moved: Moved) -> str:
        """Send the content, and return where the upload goes on."""
        offset, told = 0, 0
        for attempt in range(1, ATTEMPTS + 1):
            counted = _Counted(open_at(offset), moved, max(0, told - offset))
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(size_bytes - offset),
                "Content-Range": f"{offset}-{size_bytes - 1}",
            }
            try:
                with counted:
                    _, found, _ = self._connection.request_once(
                        "PATCH", place, self._pushing, scope=self._scope("pull,push"),
                        headers=headers, body=counted, expect=(202,),
                    )  # fmt: skip
                return _location(found, self.host)
            except (HTTPError, OSError):
                if attempt == ATTEMPTS:
                    raise
                told = max(told, offset + counted.sent)
                place, offset = self._where(place)
        raise AssertionError("the last attempt returns or raises")

    def _where(self, place: str) -> tuple[str, int]:
        """Ask how much of an upload has arrived."""
        _, headers, _ = self._connection.request(
            "GET", place, self._pushing, scope=self._scope("pull,push"), expect=(204,)
        )
        last = headers.get("range", "").rpartition("-")[2]
        return _location(headers, self.host), int(last) + 1 if last.isdigit() and int(last) else 0


class _Counted(io.RawIOBase):
    """A content that is sent, and counted.

    Args:
        file: The content.
        moved: Called with the size of each part.
        skip_bytes: So much of it was counted before.
    """

    def __init__(self, file: IO[bytes], moved: Moved, skip_bytes: int) -> None:
        self._file = file
        self._moved = moved
        self._skip_bytes = skip_bytes
        self.sent = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(_CHUNK_BYTES if size is None or size < 0 else max(size, _CHUNK_BYTES))
        self.sent += len(data)
        skipped = min(self._skip_bytes, len(data))
        self._skip_bytes -= skipped
        if len(data) > skipped:
            self._moved(len(data) - skipped)
        return data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _location(headers: Any, host: str) -> str:
    found = headers.get("location")
    if not found:
        raise PlatformError(f"{host} does not say where an upload goes", code="registry")
    return str(found)


def from_file(path: Path) -> Callable[[int], IO[bytes]]:
    """Return what opens a file from a byte on."""

    def open_at(offset: int) -> IO[bytes]:
        file = path.open("rb")
        file.seek(offset)
        return file

    return open_at
