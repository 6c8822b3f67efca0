"""Bodies in memory: their sum is bounded, however many callers send at once."""

from __future__ import annotations

from mlem_server.dispatch import overloaded
from mlem_server.request import Request

AT_ONCE = 8


class Bodies:
    """Reads request bodies within the limits.

    Args:
        max_bytes: The largest body; `AT_ONCE` such bodies may be on their way together.
        timeout_s: Seconds in which a body must be complete.
    """

    def __init__(self, max_bytes: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._reserved = 0

    async def read(self, request: Request) -> bytes:
        """Read a request's body.

        A chunked body reserves the whole limit, because nobody knows its size.

        Raises:
            HttpError: 408 too slow, 413 too large, 503 too many bodies at once.
            DisconnectedError: The caller is gone.
        """
        length = request.content_length
        reserved = self._max_bytes if length is None else length
        if self._reserved and self._reserved + reserved > AT_ONCE * self._max_bytes:
            raise overloaded()
        self._reserved += reserved
        try:
            return await request.body(self._max_bytes, self._timeout_s)
        finally:
            self._reserved -= reserved
