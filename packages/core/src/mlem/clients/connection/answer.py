"""`Answer`: one answer of HTTP/1.1, parsed by httptools (Node's llhttp)."""

from __future__ import annotations

import httptools

MOST_HEAD_BYTES = 102_400
"""How much a server may send without a byte of a body: heads before the final one count, and so do trailers."""


class Answer:
    """An answer, as its bytes arrive.

    Attributes:
        begun: Whether a byte of it has arrived.
        headed: Whether its head is here.
        complete: Whether all of it is here.
        kept: Whether its connection serves another request.
        status: The HTTP status.
        reason: The words beside it.
        headers: Values by name in lower case.
    """

    def __init__(self) -> None:
        self.begun = self.headed = self.complete = self.kept = False
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._received_bytes = self._other_bytes = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what has arrived; empty when the other side has closed the connection.

        Raises:
            ConnectionError: It is not an answer in HTTP/1.1, it is cut short, or its head is too large.
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

    def take(self) -> bytes:
        """Return what has arrived of the body since the last time."""
        found = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
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
            self._body.append(data)
            self._received_bytes += len(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        self.complete = self.headed
