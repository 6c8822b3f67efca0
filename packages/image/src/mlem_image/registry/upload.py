"""`Upload`: a blob on its way to a registry, which goes on where a connection was cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO
from urllib.parse import urlencode

from mlem import NotFoundError, PlatformError, UserError
from mlem_image.registry.attempts import Attempts, Interrupted
from mlem_image.registry.content import Counted, Meter, Moved
from mlem_image.registry.http import Connection


class Upload:
    """An upload.

    Args:
        connection: To the registry.
        path: Where the blobs of the image's name are: ``/v2/team/iris/blobs``.
        digest: The blob's digest.
        size_bytes: Its size.
        open_at: Opens its content from a byte on.
        what: What it is for, in messages.
        scope: What the token has to allow.
        moved: Called with the size of each part.
    """

    def __init__(
        self,
        connection: Connection,
        path: str,
        digest: str,
        size_bytes: int,
        open_at: Callable[[int], IO[bytes]],
        what: str,
        scope: str,
        moved: Moved,
    ) -> None:
        self._connection = connection
        self._path = path
        self._digest = digest
        self._size_bytes = size_bytes
        self._open_at = open_at
        self._what = what
        self._scope = scope
        self._meter = Meter(moved)

    def run(self) -> None:
        """Send the blob.

        Raises:
            MlemError: The registry refuses, or does not answer.
        """
        attempts, interrupted = self._connection.attempts(), False
        place, offset = self._begin(), 0
        while True:
            try:
                self._send(place, offset)
                return
            except Interrupted as cause:
                attempts.failed(cause)
                interrupted = True
                found = self._resumed(place, offset, attempts)
            except (NotFoundError, UserError) as error:
                # what was cut may have arrived after the registry was asked for it: then its content is not the blob's
                if not interrupted:
                    raise
                attempts.failed(Interrupted(error))
                interrupted = False
                found = None if self._is_there() else (self._begin(), 0)
            if found is None:
                return
            place, offset = found

    def _send(self, place: str, offset: int) -> None:
        """Send the content from a byte on, and join it."""
        if offset < self._size_bytes:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(self._size_bytes - offset),
                "Content-Range": f"{offset}-{self._size_bytes - 1}",
            }
            with Counted(self._open_at(offset), offset, self._meter) as content:
                _, found, _ = self._connection.request_once(
                    "PATCH", place, self._what, scope=self._scope, headers=headers, body=content, expect=(202,)
                )
            place = self._location(found)
        joined = f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': self._digest})}"
        self._ask(self._connection.request_once, "PUT", joined, (201, 204))

    def _resumed(self, place: str, before: int, attempts: Attempts) -> tuple[str, int] | None:
        """Return where the upload goes on; None where the whole blob is there."""
        try:
            _, headers, _ = self._connection.request("GET", place, self._what, scope=self._scope, expect=(204,))
        except (NotFoundError, UserError):  # it was joined, and the answer lost; or the registry has forgotten it
            return None if self._is_there() else (self._begin(), 0)
        first, _, last = headers.get("range", "").rpartition("=")[2].partition("-")
        # registries say 0-0 of none and of one byte; one that says nothing may have anything
        if first != "0" or not (last.isascii() and last.isdigit()) or int(last) >= self._size_bytes:
            return self._begin(), 0
        offset = int(last) + 1 if int(last) else 0
        if offset > before:
            attempts.moved_on()
        return self._location(headers), offset

    def _is_there(self) -> bool:
        return self._ask(self._connection.request, "HEAD", f"{self._path}/{self._digest}", (200, 404))[0] == 200

    def _begin(self) -> str:
        return self._location(self._ask(self._connection.request, "POST", f"{self._path}/uploads/", (202,))[1])

    def _ask(
        self,
        request: Callable[..., tuple[int, Mapping[str, str], bytes]],
        method: str,
        path: str,
        expect: tuple[int, ...],
    ) -> tuple[int, Mapping[str, str], bytes]:
        length = {} if method == "HEAD" else {"Content-Length": "0"}
        return request(method, path, self._what, scope=self._scope, headers=length, expect=expect)

    def _location(self, headers: Mapping[str, str]) -> str:
        found = headers.get("location")
        if not found:
            raise PlatformError(f"{self._connection.host} does not say where an upload goes", code="registry")
        return str(found)
