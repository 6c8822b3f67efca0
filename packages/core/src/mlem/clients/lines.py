"""`Lines`: an answer that comes item by item, as JSON lines over HTTP."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol, Self

from mlem.clients.course import Course, follow, follow_async
from mlem.clients.response import Response, not_a_server, too_large, translate
from mlem_model.errors import MlemError, PlatformError

MEDIA_TYPE = "application/x-ndjson"
_END = object()
_READ = "read"


class Body(Protocol):
    """What follows the head of an answer, for a thread."""

    def begin_item(self) -> None:
        """Give the next item its time."""

    def read(self) -> bytes:
        """Return what has arrived; empty at the end. Our errors are raised."""

    def close(self) -> None:
        """Stop reading."""


class AsyncBody(Protocol):
    """What follows the head of an answer, for an event loop."""

    def begin_item(self) -> None:
        """Give the next item its time."""

    async def read(self) -> bytes:
        """Return what has arrived; empty at the end. Our errors are raised."""

    async def aclose(self) -> None:
        """Stop reading."""


class _Parser:
    """Splits bytes into items.

    A server that fails on the way says so in the last line, and closes the connection without an end mark. So a line
    that looks like an error is one only if that follows.
    """

    def __init__(self, url: str, most_bytes: float) -> None:
        self._url = url
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()  # a line may come in very many pieces
        self.ended = False

    def next(self) -> Course[Any]:
        """Return the next item, or `_END`; this is a course, because it may need to read."""
        while not self._lines and (yield from self._more()):
            pass
        if not self._lines:
            return _END
        item = self._parsed(self._lines.popleft())
        error = item.get("error") if isinstance(item, dict) and item.keys() == {"error"} else None
        if isinstance(error, dict) and isinstance(error.get("message"), str) and not self._lines:
            yield from self._expect_more(item, error)
        return item

    def _more(self) -> Course[bool]:
        """Read what has arrived; return whether there may be more."""
        if self.ended:
            return False
        data = yield _READ
        if not data:
            self.ended = True
            self._lines += filter(None, [self._line(b"")])
            return False
        first, *others = data.split(b"\n")
        if others:
            *lines, last = others
            self._lines += filter(None, [self._line(first), *lines])
            first = last
        self._rest += first
        if len(self._rest) > self._most_bytes:
            raise too_large(self._url, self._most_bytes)
        return True

    def _line(self, end: bytes) -> bytes:
        line = bytes(self._rest + end) if self._rest else end
        self._rest.clear()
        return line

    def _expect_more(self, item: Any, error: dict[str, Any]) -> Course[None]:
        try:
            while not self._lines and (yield from self._more()):
                pass
        except PlatformError as lost:
            status = error.get("status")
            body = json.dumps(item).encode()
            raise translate(
                Response(status if isinstance(status, int) else 500, "application/json", None, body), self._url
            ) from lost

    def _parsed(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise not_a_server(self._url, "a line of its answer is not JSON") from error


class Lines(Iterator[Any]):
    """The items of an answer, as they arrive.

    To leave before the end, close it: the server then asks the model for no more items.

    Args:
        body: What the server sends, its head read.
        url: The server's address, for messages.
        most_bytes: How large an item may be.
    """

    def __init__(self, body: Body, url: str, most_bytes: float = math.inf) -> None:
        self._body = body
        self._parser = _Parser(url, most_bytes)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        self._body.begin_item()
        try:
            item = follow(self._parser.next(), lambda _need: self._body.read())
        except MlemError:
            self.close()
            raise
        if item is _END:
            self.close()
            raise StopIteration
        return item

    def close(self) -> None:
        """Stop reading."""
        self._parser.ended = True
        self._body.close()

    def __del__(self) -> None:
        self.close()


class AsyncLines(AsyncIterator[Any]):
    """The items of an answer for ``async for``; see `Lines`.

    Args:
        body: What the server sends, its head read.
        url: The server's address, for messages.
        most_bytes: How large an item may be.
    """

    def __init__(self, body: AsyncBody, url: str, most_bytes: float = math.inf) -> None:
        self._body = body
        self._parser = _Parser(url, most_bytes)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        self._body.begin_item()
        try:
            item = await follow_async(self._parser.next(), lambda _need: self._body.read())
        except MlemError:
            await self.aclose()
            raise
        if item is _END:
            await self.aclose()
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Stop reading."""
        self._parser.ended = True
        await self._body.aclose()
