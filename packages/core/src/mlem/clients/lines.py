"""`Lines`: an answer that comes item by item, as JSON lines over HTTP."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from mlem.clients.answers import Answer, not_a_server, translate
from mlem.errors import MlemError, PlatformError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MEDIA_TYPE = "application/x-ndjson"
_READ_BYTES = 1 << 16


class Lines(Iterator[Any]):
    """The items of an answer, as they arrive. To leave earlier than at the end, close it: the server then asks the model for no more.

    A server that fails on the way says so in a last line, and closes the connection without the mark of an end. So a line that looks
    like an error is one only where that follows.

    Args:
        response: What the server sends, its head read.
        url: The server's address, for messages.
        translated: Raises our errors for those of reading.
    """

    def __init__(self, response: BaseHTTPResponse, url: str, translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._response = response
        self._url = url
        self._translated = translated
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while not self._lines and self._read():
            pass
        if not self._lines:
            raise StopIteration
        item = self._parsed(self._lines.popleft())
        error = item.get("error") if isinstance(item, dict) and item.keys() == {"error"} else None
        if isinstance(error, dict) and isinstance(error.get("message"), str) and not self._lines:
            self._expect_more(item, error)
        return item

    def close(self) -> None:
        """Read no more."""
        if not self._ended:
            self._ended = True
            self._response.close()

    def __del__(self) -> None:
        self.close()

    def _read(self) -> bool:
        """Read what has arrived; return whether there may be more."""
        if self._ended:
            return False
        try:
            with self._translated():
                data = self._response.read1(_READ_BYTES)
        except MlemError:
            self.close()
            raise
        if data:
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines += filter(None, lines)
            return True
        self._ended = True
        self._response.release_conn()
        self._lines += filter(None, [self._rest])
        return False

    def _expect_more(self, item: Any, error: dict[str, Any]) -> None:
        try:
            while not self._lines and self._read():
                pass
        except PlatformError as lost:
            status = error.get("status")
            body = json.dumps(item).encode()
            raise translate(Answer(status if isinstance(status, int) else 500, "application/json", None, body), self._url) from lost

    def _parsed(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            self.close()
            raise not_a_server(self._url, "a line of its answer is not JSON") from error
