"""`BodyBudget`: how much memory the bodies of all requests take together."""

from __future__ import annotations

from mlem_server.http.errors import overloaded
from mlem_server.http.request import ALWAYS_BYTES, Request


class BodyBudget:
    """The memory for bodies. The first bytes of each do not count: see `ALWAYS_BYTES`.

    Args:
        max_bytes: The most that all may take together; a body alone may take more.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._reserved_bytes = 0

    def check(self, size_bytes: int) -> None:
        """Refuse an announced body for which there is no room, so that its caller need not send it.

        Args:
            size_bytes: Its size.

        Raises:
            HttpError: 503.
        """
        if size_bytes > ALWAYS_BYTES and self._reserved_bytes and self._reserved_bytes + size_bytes > self._max_bytes:
            raise overloaded()

    def reserve(self, request: Request, size_bytes: int) -> bool:
        """Reserve memory for a body.

        Args:
            request: The request that it belongs to.
            size_bytes: The size of what has arrived.

        Returns:
            Whether there was room; a single body always has it.
        """
        more = size_bytes - request.reserved_bytes
        if self._reserved_bytes + more > self._max_bytes and self._reserved_bytes > request.reserved_bytes:
            return False
        self._reserved_bytes += more
        request.reserved_bytes = size_bytes
        return True

    def release(self, request: Request) -> None:
        """Give back the room that a request has."""
        self._reserved_bytes -= request.reserved_bytes
        request.reserved_bytes = 0
