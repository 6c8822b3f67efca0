"""One request and its answer over HTTP, from a thread or an event loop, within one deadline and with our errors."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore2

from mlem.clients.connection.deadline import Deadline, Part
from mlem.clients.connection.pools import Pools, Route
from mlem.clients.lines import MEDIA_TYPE
from mlem.clients.response import Response
from mlem_model.errors import PlatformError, WaitTimeoutError
from mlem_model.models.calls.answer_headers import hear

CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        verb: ``GET`` or ``POST``.
        base: The server's address, for messages.
        path: The path of the request.
        headers: Headers beside those that belong to the transport.
        body: The body.
        deadline: When all of it must be done; for a stream, the first item, and again each of the others.
        whole: Whether the whole answer is read, even if it comes item by item.
        once: Whether it must never be sent twice.
    """

    verb: str
    base: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    deadline: Deadline
    whole: bool = True
    once: bool = False

    def encoded(self) -> tuple[httpcore2.Request, Sending]:
        """Return it in the form of the transport, and what is to be known of its way."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        base = _ascii(self.base)
        headers = [(b"Host", urlsplit(base).netloc.encode()), (b"accept-encoding", b"identity"), *headers]
        if self.body is not None:
            headers.append((b"Content-Length", str(len(self.body)).encode()))
        sending = Sending(Part(self.deadline.sooner(CONNECT_TIMEOUT_S)), Part(self.deadline))
        timeouts = {"connect": sending.connecting, "read": sending.reading, "write": self.deadline}
        return httpcore2.Request(
            self.verb, f"{base}{self.path}", headers=headers, content=self.body, extensions={"timeout": timeouts}
        ), sending

    def may_be_sent_again(self, sending: Sending) -> bool:
        """Say whether a request that failed is sent once more: the other side has closed a kept connection unseen.

        Load balancers and proxies close what was idle for some time, also in the moment in which a call arrives. On a
        connection that was made for it a request is never sent again, so each one that was kept is tried once at most.
        """
        return not (self.once or sending.connecting.done or sending.reading.done)


@dataclass(frozen=True)
class Sending:
    """How far a request came.

    Attributes:
        connecting: Done when a connection was made for it; not with one that was kept.
        reading: Done with the first byte of the answer.
    """

    connecting: Part
    reading: Part


def send(pools: Pools, route: Route, request: Request) -> Response:
    """Send a request, and return the answer.

    Args:
        pools: Connections to use.
        route: How the server is reached.
        request: What is sent.

    Raises:
        WaitTimeoutError: It took longer than the deadline.
        PlatformError: The server can't be reached, or the connection was lost.
    """
    with _translated(request):
        response = _answered(pools, route, request)
        if _comes_item_by_item(request, response):
            return _answer(response, b"", ThreadBody(request, response))
        try:
            return _answer(response, response.read())
        finally:
            response.close()


async def send_async(pools: Pools, route: Route, request: Request) -> Response:
    """Send a request without blocking the event loop; see `send`. When it is cancelled, its connection is closed."""
    with _translated(request):
        response = await _answered_async(pools, route, request)
        if _comes_item_by_item(request, response):
            return _answer(response, b"", LoopBody(request, response))
        try:
            return _answer(response, await response.aread())
        finally:
            await response.aclose()


def _answered(pools: Pools, route: Route, request: Request) -> httpcore2.Response:
    while True:
        encoded, sending = request.encoded()
        try:
            return pools.of_threads(route).handle_request(encoded)
        except httpcore2.ConnectError:
            raise
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            if not request.may_be_sent_again(sending):
                raise


async def _answered_async(pools: Pools, route: Route, request: Request) -> httpcore2.Response:
    while True:
        encoded, sending = request.encoded()
        try:
            return await pools.of_loop(route).handle_async_request(encoded)
        except httpcore2.ConnectError:
            raise
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            if not request.may_be_sent_again(sending):
                raise


class ThreadBody:
    """The rest of an answer that comes item by item; see `mlem.clients.lines.Body`."""

    def __init__(self, request: Request, response: httpcore2.Response) -> None:
        self._request = request
        self._response = response
        self._chunks: Iterator[bytes] = response.iter_stream()

    def begin_item(self) -> None:
        """Give the next item its time."""
        self._request.deadline.renew()

    def read(self) -> bytes:
        """Return what has arrived; empty at the end."""
        with _translated(self._request):
            return next(self._chunks, b"")

    def close(self) -> None:
        """Stop reading."""
        self._response.close()


class LoopBody:
    """The rest of an answer that comes item by item, for an event loop; see `mlem.clients.lines.AsyncBody`."""

    def __init__(self, request: Request, response: httpcore2.Response) -> None:
        self._request = request
        self._response = response
        self._chunks: AsyncIterator[bytes] = response.aiter_stream()

    def begin_item(self) -> None:
        """Give the next item its time."""
        self._request.deadline.renew()

    async def read(self) -> bytes:
        """Return what has arrived; empty at the end."""
        with _translated(self._request):
            return await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """Stop reading."""
        await self._response.aclose()


def _comes_item_by_item(request: Request, response: httpcore2.Response) -> bool:
    content_type = _headers(response).get("content-type", "")
    return not request.whole and response.status == 200 and content_type.partition(";")[0].strip() == MEDIA_TYPE


def _answer(response: httpcore2.Response, body: bytes, items: Any = None) -> Response:
    headers = _headers(response)
    hear(headers)
    if headers.get("content-encoding", "").strip().lower() in ("gzip", "deflate") and body:
        with contextlib.suppress(zlib.error):  # from a proxy that was asked not to compress
            body = zlib.decompress(body, zlib.MAX_WBITS | 32)
    return Response(response.status, headers.get("content-type", ""), headers.get("retry-after"), body, items)


def _ascii(base: str) -> str:
    if base.isascii():
        return base
    parts = urlsplit(base)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').encode('idna').decode()}{port}{quote(parts.path, safe='/%')}"


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


@contextlib.contextmanager
def _translated(request: Request) -> Iterator[None]:
    """Raise our errors for those of the transport."""
    url, seconds = request.base, request.deadline.seconds
    try:
        yield
    except httpcore2.ConnectTimeout as error:
        waited = min(CONNECT_TIMEOUT_S, seconds)
        raise WaitTimeoutError(
            f"no connection to {url} within {waited:.3g} s", hint="mlem deployment status NAME"
        ) from error
    except httpcore2.TimeoutException as error:
        raise WaitTimeoutError(
            f"no answer from {url} within {seconds:.3g} s", hint="give it more time: timeout_s"
        ) from error
    except httpcore2.ConnectError as error:
        if isinstance(error.__context__, ssl.SSLError):
            raise PlatformError(f"{url}: the TLS connection failed: {_reason(error)}", code="tls") from error
        message = f"{url} can't be reached: {_reason(error)}"
        raise PlatformError(message, code="unreachable", hint="mlem deployment status NAME") from error
    except httpcore2.ProxyError as error:
        raise PlatformError(
            f"{url} can't be reached: the proxy says {error}", code="proxy", hint="see https_proxy, no_proxy"
        ) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise PlatformError(f"{url}: the connection was lost: {_reason(error)}", code="connection-lost") from error


def _reason(error: BaseException) -> str:
    """Return what the operating system or the TLS library said."""
    cause = error.__context__  # the pool drops `__cause__`
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError | socket.gaierror):
        return os.strerror(cause.errno)  # event loops use other words
    return getattr(cause, "strerror", None) or str(cause or error) or type(error).__name__
