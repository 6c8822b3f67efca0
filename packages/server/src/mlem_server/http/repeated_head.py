"""`RepeatedHead`: a caller who asks again on the same connection mostly sends the same head again, byte for byte.

What the parser made of it, and what it was admitted for, is then the same as before, and need not be found out anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlem_server.http.request import ALWAYS_BYTES, Request

_LONGEST_BYTES = 4096


@dataclass(slots=True)
class RepeatedHead:
    """The head of a request that came in one piece with its body.

    Attributes:
        head: The head, as it was sent, with the empty line at its end.
        size_bytes: The size of head and body.
        request: What it was.
    """

    head: bytes
    size_bytes: int
    request: Request

    @classmethod
    def of(cls, request: Request, data: bytes) -> RepeatedHead | None:
        """Return the head of a request; None where another one could not be known by it alone.

        Args:
            request: The complete request, admitted as a call.
            data: All that was sent of it, and nothing else.
        """
        length = request.content_length
        start = len(data) - (length or 0)
        if (
            length is None
            or length > ALWAYS_BYTES
            or start > _LONGEST_BYTES
            or len(request.body) != length
            or data.find(b"\r\n\r\n") + 4 != start  # there is another request in it, or something else
            or not (request.keep_alive and request.takes_body and request.chunks)
            or b"expect" in request.headers
        ):
            return None
        return cls(bytes(data[:start]), len(data), request)

    def starts(self, data: bytes) -> bool:
        """Whether all of a request is there, and it has this head."""
        return len(data) == self.size_bytes and data.startswith(self.head)

    def again(self, data: bytes, now: float) -> Request:
        """Return the request that has this head, admitted as before.

        Args:
            data: The whole request.
            now: The time, in seconds of the monotonic clock.
        """
        known = self.request
        again = Request(
            known.method,
            known.target,
            known.headers,
            True,
            now,
            True,
            data[len(self.head) :],
            known.route,
            known.handler,
            known.media_type,
            known.coding,
            known.peer,
            None,
            known.timeout_s,
            None,
            False,
            True,
        )
        again.callee = known.callee
        return again
