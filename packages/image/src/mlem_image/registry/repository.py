"""`Repository`: the images of one name in a registry: manifests and layers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote, urlencode

from mlem import ConflictError, MlemError, PlatformError
from mlem_image.registry.content import Moved
from mlem_image.registry.download import download
from mlem_image.registry.http import Connection
from mlem_image.registry.upload import Upload

INDEX, MANIFEST, CONFIG = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest", "config"))
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED = ", ".join((INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
        digest, kind, content = self.whole_manifest(version, shown)
        try:
            found = json.loads(content)
            kind = str(found.get("mediaType") or kind)
        except (ValueError, AttributeError, RecursionError) as error:
            raise PlatformError(f"what {self.host} has as {shown} is no manifest", code="registry") from error
        return digest, kind, found

    def whole_manifest(self, version: str, shown: str) -> tuple[str, str, bytes]:
        """Return the same as `manifest`, but the content as it is, and the media type as the registry tells it."""
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
        return digest, headers.get("content-type", "").partition(";")[0], content

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
        path = self._blob(digest)
        yield from download(self._connection, path, digest, size_bytes, what, self._scope("pull"), moved)

    def has(self, digest: str) -> bool:
        """Whether there is a blob."""
        status, _, _ = self._connection.request(
            "HEAD", self._blob(digest), self._pushing, scope=self._scope("pull,push"), expect=(200, 404)
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
                scope=f"{self._scope('pull,push')} repository:{other}:pull",
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
        path, scope = f"{self._path}/blobs", self._scope("pull,push")
        Upload(self._connection, path, digest, size_bytes, open_at, self._pushing, scope, moved).run()

    def push_manifest(self, version: str, media_type: str, content: bytes) -> str:
        """Send a manifest, which makes an image of the blobs that it names; return its digest.

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        self._put_manifest(version, media_type, content)
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def push_referrer(self, content: bytes) -> bool:
        """Send a manifest that has a subject, under its digest; return whether the registry lists it for the subject.

        Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Pushing Manifests with
        Subject" (read 2026-11).

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        headers = self._put_manifest(f"sha256:{hashlib.sha256(content).hexdigest()}", MANIFEST, content)
        return bool(headers.get("oci-subject"))

    def referrers(self, digest: str) -> list[dict[str, Any]] | None:
        """Return what names an image as its subject; None where the registry does not list that.

        Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Listing Referrers" (read
        2026-11).

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        status, _, content = self._connection.request(
            "GET",
            f"{self._path}/referrers/{digest}",
            f"list what belongs to {self.host}/{self.name}@{digest}",
            scope=self._scope("pull"),
            headers={"Accept": INDEX},
            expect=(200, 400, 404, 405),
        )
        try:
            listed = json.loads(content)["manifests"] if status == 200 else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else None

    def _put_manifest(self, version: str, media_type: str, content: bytes) -> Mapping[str, str]:
        _, headers, _ = self._connection.request(
            "PUT",
            f"{self._path}/manifests/{version}",
            self._pushing,
            scope=self._scope("pull,push"),
            headers={"Content-Type": media_type},
            body=content,
            expect=(201,),
        )
        return headers

    @property
    def _pushing(self) -> str:
        return f"push {self.host}/{self.name}"

    def _scope(self, actions: str) -> str:
        return f"repository:{self.name}:{actions}"

    def _blob(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise ConflictError(f"{self.host} names a layer {digest[:80]!r}, which is no digest", code="bad-image")
        return f"{self._path}/blobs/{digest}"
