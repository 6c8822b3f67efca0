"""`Answer`: one answer of HTTP/1.1, parsed by httptools (Node's llhttp)."""

from __future__ import annotations

import math

import httptools

MOST_HEAD_BYTES = 102_400
"""How much a server may send without a byte of a body: heads before the final one count, and so do trailers."""
_SMALL_BYTES, _JOINED_BYTES = 4096, 65536
"""Pieces of a body up to the first size are put together, up to the second."""


class TooLargeError(Exception):
    """An answer has more than its caller wants to have in memory."""


class Answer:
    """An answer, as its bytes arrive.

    Args:
        most_bytes: How much of its body may wait to be taken.

    Attributes:
        begun: Whether a byte of it has arrived.
        headed: Whether its head is here.
        complete: Whether all of it is here.
        kept: Whether its connection serves another request.
        status: The HTTP status.
        reason: The words beside it.
        headers: Values by name in lower case.
    """

    def __init__(self, most_bytes: float = math.inf) -> None:
        self.begun = self.headed = self.complete = self.kept = False
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self._body: list[bytes | bytearray] = []
        self._received_bytes = self._other_bytes = self._waiting_bytes = 0
        self._most_bytes = most_bytes
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what has arrived; empty when the other side has closed the connection.

        Raises:
            ConnectionError: It is not an answer in HTTP/1.1, it is cut short, or its head is too large.
            TooLargeError: More of its body waits than may.
        """
        if not data:
            return self._end()
        self.begun, before_bytes = True, self._received_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.kept = False
        except httptools.HttpParserError as error:
            self.kept = False
            if not self.complete:  # otherwise the answer is fine, and what follows is not ours to read
                raise ConnectionError(f"its answer is not HTTP/1.1: {error}") from error
        if self._waiting_bytes > self._most_bytes:
            raise TooLargeError
        if self.complete or self._received_bytes > before_bytes:
            self._other_bytes = 0
            return None
        self._other_bytes += len(data)
        if self._other_bytes > MOST_HEAD_BYTES:
            raise ConnectionError(f"its answer has a head of more than {MOST_HEAD_BYTES} bytes")
        return None

    def missing_bytes(self) -> int:
        """Return how much of the body has not arrived; 0 where the head does not say it."""
        if self.complete or not self.headed or "content-length" not in self.headers:
            return 0
        return int(self.headers["content-length"]) - self._received_bytes

    def expect_room(self, more_bytes: int) -> None:
        """Refuse a body of which too much has not arrived yet, before memory is taken for it.

        Raises:
            TooLargeError: There is no room for so much more.
        """
        if self._waiting_bytes + more_bytes > self._most_bytes:
            raise TooLargeError

    def take(self) -> bytes:
        """Return what has arrived of the body since the last time."""
        found = bytes(self._body[0]) if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._waiting_bytes = 0
        return found

    def _end(self) -> None:
        """Note that the connection was closed: that is the end of a body whose length nobody gave."""
        if not self.begun:
            raise ConnectionError("the server closed it without an answer")
        if not self.headed or {"content-length", "transfer-encoding"} & self.headers.keys():
            raise ConnectionError("the server closed it before the end of its answer")
        self.complete = True

    # what httptools calls; an answer that nobody asked for may follow in the same bytes

    def on_message_begin(self) -> None:
        """Note that an answer begins."""
        if self.complete:
            self.kept = False

    def on_status(self, reason: bytes) -> None:
        """Note the words beside the status, of which a part may come."""
        if not self.complete:
            self.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; those that follow the body are left out."""
        if not self.headed:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the end of a head; the one of an interim answer is forgotten."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if 100 <= self.status < 200 and self.status != 101:
            self.headers.clear()
            self.reason = ""
        else:
            self.headed, self.kept = True, self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Note a part of the body."""
        if not self.complete:
            last = self._body[-1] if self._body else None
            if isinstance(last, bytearray) and len(last) < _JOINED_BYTES:
                last += data
            else:  # an object for each of very many small pieces would take twenty times their size
                self._body.append(data if last is None or len(data) > _SMALL_BYTES else bytearray(data))
            self._received_bytes += len(data)
            self._waiting_bytes += len(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        self.complete = self.headed
