"""Answers that come item by item: JSON lines or server-sent events, at the pace of the caller.

Sources: https://github.com/ndjson/ndjson-spec (JSON lines);
https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6 (both read 2026-11).
"""

from __future__ import annotations

import collections.abc
import itertools
import json
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from mlem_model.data.formats.binary import JSON
from mlem_model.data.types.any import DataType, ListType, UnspecifiedType
from mlem_model.models.calling import MOST_ITEMS
from mlem_model.models.calls.answer_headers import NOTES_HEADER, notes_header
from mlem_model.models.calls.answering import encode_answer
from mlem_server.decoding.json_decoder import Values
from mlem_server.http.negotiation import preferred
from mlem_server.http.response import Kind, Piece, Response, to_json
from mlem_server.inference.errors import ModelFailedError
from mlem_server.inference.model_errors import failure

log = logging.getLogger("mlem.server")

LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Proxies must not hold back items that should arrive at once. Source:
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream is formatted.

    Attributes:
        media_type: Its name.
        before: What is before an item's JSON.
        after: What is after it.
        end: What is written at the end.
        error: What is before the JSON of an error.
    """

    media_type: str
    before: bytes = b""
    after: bytes = b"\n"
    end: bytes = b""
    error: bytes = b""

    def item(self, body: bytes) -> bytes:
        """Write an item."""
        return self.before + body + self.after

    def failure(self, body: bytes) -> bytes:
        """Write an error."""
        return (self.error or self.before) + body + self.after


AS_LINES = Form(LINES)
AS_EVENTS = Form(EVENTS, b"data: ", b"\n\n", b"event: end\ndata: {}\n\n", b"event: error\ndata: ")


def form_of(accept: bytes) -> Form | None:
    """Return the form in which a caller wants a stream: events where it asks for them, JSON lines by default.

    None where it accepts only JSON, as a whole.

    Args:
        accept: The request's header of this name.
    """
    return {EVENTS: AS_EVENTS, JSON: None}.get(preferred(accept, (LINES, EVENTS, JSON), LINES), AS_LINES)


class Items:
    """What a method yields to one caller. All of its methods are for the model's thread.

    Args:
        name: The method's name.
        iterator: What the method returned.
        form: How items are written.
        returns: The type of the whole answer.
        values: The call's arguments, which show whether they are to blame for an error.
        notes: Notes about the caller's data.

    Attributes:
        form: The same.
        headers: The headers sent before them.
    """

    def __init__(
        self, name: str, iterator: Any, form: Form, returns: DataType, values: Values, notes: list[str]
    ) -> None:
        self._name = name
        self._values = values
        self._iterator = iterator
        self._awaits = isinstance(iterator, collections.abc.AsyncIterator)
        self._type = returns.dtype if isinstance(returns, ListType) else UnspecifiedType()
        self.form = form
        self.headers = {**_HEADERS, NOTES_HEADER: notes_header(notes)} if notes else _HEADERS

    def take(self) -> Piece | Coroutine[Any, Any, Piece]:
        """Ask for the next item.

        Raises:
            ModelRefusedError: The model raised an error about the data.
            ModelFailedError: It raised another error, or yielded something that no type describes.
        """
        if self._awaits:
            return self._take_later()
        try:
            item = next(self._iterator)
        except StopIteration:
            return Piece(Kind.END, self.form.end)
        except Exception as error:
            raise self._failure(error) from error
        return self._written(item)

    async def _take_later(self) -> Piece:
        try:
            item = await anext(self._iterator)
        except StopAsyncIteration:
            return Piece(Kind.END, self.form.end)
        except Exception as error:
            raise self._failure(error) from error
        return self._written(item)

    def close(self) -> Coroutine[Any, Any, None] | None:
        """End the stream: nobody wants the rest of it."""
        if self._awaits:
            return self._close_later()
        try:
            getattr(self._iterator, "close", lambda: None)()
        except Exception:
            log.warning("closing the stream of %s failed", self._name, exc_info=True)
        return None

    async def _close_later(self) -> None:
        try:
            await getattr(self._iterator, "aclose", _nothing)()
        except Exception:
            log.warning("closing the stream of %s failed", self._name, exc_info=True)

    def _written(self, item: Any) -> Piece:
        try:
            encoded, _ = encode_answer(self._type, item, "an item of the answer")
            return Piece(Kind.ITEM, self.form.item(to_json(encoded)))
        except Exception as error:
            raise ModelFailedError(self._name) from error

    def _failure(self, error: Exception) -> ModelFailedError:
        return failure(self._name, error, self._values)


async def _nothing() -> None:
    return


def gathered(iterator: Iterator[Any], name: str) -> list[Any]:
    """Return all that a method yields.

    Raises:
        ModelFailedError: It does not end.
    """
    return _bounded(list(itertools.islice(iterator, MOST_ITEMS + 1)), name)


async def gathered_later(iterator: Any, name: str) -> list[Any]:
    """Return all that an async method yields; see `gathered`."""
    items = []
    async for item in iterator:
        items.append(item)
        _bounded(items, name)
    return items


def _bounded(items: list[Any], name: str) -> list[Any]:
    if len(items) > MOST_ITEMS:
        raise ModelFailedError(f"{name}: more than {MOST_ITEMS} items")
    return items


class Steps(Protocol):
    """What runs work on the model's thread: the dispatcher."""

    def step(self, take: Callable[[], Any], done: Callable[[Any], None]) -> Callable[[], None]:
        """Do something there; return what cancels it."""


class Stream:
    """A stream on its way to its caller. All of its methods are for the event loop.

    Args:
        steps: Where items are requested.
        items: What the method yields.
        told: Turns what was raised into an answer.
        ended: Called once, when no more items are requested.
    """

    def __init__(
        self, steps: Steps, items: Items, told: Callable[[BaseException], Response], ended: Callable[[], None]
    ) -> None:
        self._steps = steps
        self._items = items
        self._told = told
        self._ended = ended
        self._cancel: Callable[[], None] | None = None
        self._over = False

    def begin(self, reply: Callable[[Response], None]) -> None:
        """Ask for the first item, and answer: with the stream, or with an error instead."""

        def begun(outcome: Piece | BaseException) -> None:
            if isinstance(outcome, BaseException):
                self._end()
                reply(self._told(outcome))
                return
            if outcome.kind is Kind.END:
                self._end()
            stream = self if outcome.kind is Kind.ITEM else None
            reply(Response(200, outcome.data, self._items.form.media_type.encode(), self._items.headers, stream))

        self._step(begun)

    def pull(self, take: Callable[[Piece], None]) -> None:
        """Ask for the next piece.

        Args:
            take: Called with it.
        """

        def pulled(outcome: Piece | BaseException) -> None:
            if isinstance(outcome, BaseException):
                outcome = self.broken(self._told(outcome))
            if outcome.kind is not Kind.ITEM:
                self._end()
            take(outcome)

        self._step(pulled)

    def broken(self, response: Response) -> Piece:
        """Return the last piece of a stream that ends with an error.

        It contains the status, which can't be the answer's any more.
        """
        error = {**json.loads(response.body)["error"], "status": response.status}
        return Piece(Kind.BROKEN, self._items.form.failure(to_json({"error": error})))

    def close(self) -> None:
        """Ask for nothing more: nobody reads it."""
        if self._over:
            return
        if self._cancel is not None:
            self._cancel()
        self._steps.step(self._items.close, lambda _outcome: None)
        self._end()

    def _step(self, done: Callable[[Any], None]) -> None:
        self._cancel = self._steps.step(self._items.take, done)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._ended()
