"""`HttpClient`: calls a model that ``mlem-server`` serves."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from mlem.clients.client import Client
from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.proxy import proxy_for
from mlem.clients.course import Ask, Course, follow, follow_async
from mlem.clients.lines import MEDIA_TYPE, AsyncLines, Lines
from mlem.clients.response import Response, check_response, not_a_server
from mlem.clients.streamed import items_async
from mlem_model.errors import CredentialsError, PlatformError
from mlem_model.objects.fields import Unit
from mlem_model.process_local import ProcessLocal
from mlem_model.serving.protection import TOKEN_VARIABLE

if TYPE_CHECKING:
    from mlem.clients.connection.pools import Pools
    from mlem.clients.connection.route import Route
    from mlem.clients.wire import Request
    from mlem_model.serving.interface import Interface

JSON = "application/json"
ATTEMPTS = 3
PAUSE_S = 0.2
_SEEN = ("timed-out", "stopping")
"""Refusals of calls that the model may be running: repeating them would only keep it busy longer."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)
_STREAM = f"{MEDIA_TYPE}, {JSON};q=0.5"


class HttpClient(Client):
    """Calls a model over HTTP; certificates are verified where the URL is https.

    Without a token of its own, it reads the bearer token from the environment variable ``MLEM_TOKEN`` at each call.
    Neither that nor what is given as ``token`` and ``headers`` gets into a file or a message. ``http_proxy``,
    ``https_proxy`` and ``no_proxy`` are used, except for this machine's own addresses, and with ``direct``. A call is
    repeated only if the model can't have seen it: the connection was not established, or the server answered 503 with
    ``Retry-After`` before the model was called.

    Threads share its connections, and so do the tasks of an event loop. A forked process opens its own, and so does a
    copy or an unpickled client.
    """

    type: ClassVar[str] = "http"

    url: str = Field(description="where the server is: http://host:8080")
    timeout_s: Annotated[float, Field(gt=0, le=86400), Unit("s")] = Field(
        default=30.0,
        description="how long a whole call may take: connecting, sending, waiting, reading and repeats; "
        "for a stream, until the next item",
    )
    max_answer_mib: Annotated[float, Field(gt=0), Unit("MiB")] = Field(
        default=1024.0,
        description="how large an answer may be, also after it is unpacked; for a stream, each of its items",
    )
    token: SecretStr | None = Field(default=None, description="bearer token (default: MLEM_TOKEN at each call)")
    ca_file: str | None = Field(
        default=None, description="PEM file with the certificates to trust instead of the system's"
    )
    direct: bool = Field(default=False, description="use no proxy, whatever the environment says")
    headers: dict[str, SecretStr] = Field(default={}, exclude=True, description="headers for every request")

    _pools: ProcessLocal[Pools] = PrivateAttr(default_factory=lambda: ProcessLocal(_pools))

    @model_validator(mode="before")
    @classmethod
    def _from_04(cls, data: Any) -> Any:
        """Accept host and port, as files of MLEM 0.4 have them."""
        if not isinstance(data, Mapping) or "url" in data or not {"host", "port"} & data.keys():
            return data
        fields = dict(data)
        host, port = str(fields.pop("host", "0.0.0.0")), fields.pop("port", 8080)  # noqa: S104  # MLEM 0.4's defaults
        base = host if "://" in host else f"http://{host}"
        return {**fields, "url": base if port is None else f"{base}:{port}"}

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = (
                parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
            )
            _ = parts.port, (parts.hostname or "").encode("idna")  # raise if it is not a number, or not a host name
        except ValueError:
            usable = False
        if not usable:
            raise ValueError('expected a URL like "http://host:8080"')
        if parts.username is not None:
            raise ValueError(f"expected a URL without credentials; set {TOKEN_VARIABLE} instead")
        return url.rstrip("/")

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not _fits_header(token.get_secret_value()):
            raise ValueError(
                "expected one token, without spaces around it and without characters that do not fit into a header"
            )
        return token

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _NAME.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f'expected names of headers, and none of {", ".join(sorted(_OURS))}; got "{name}"')
            if not _fits_header(value.get_secret_value()):
                raise ValueError(f"{name} has a character that does not fit into a header, or spaces around it")
        return headers

    @field_validator("ca_file", mode="before")
    @classmethod
    def _whole_path(cls, path: Any) -> Any:
        return str(Path(path).expanduser().absolute()) if isinstance(path, str | os.PathLike) else path

    def fetch_interface(self) -> Interface:
        """Ask the server for its interface.

        Raises:
            MlemError: See `mlem.clients.response.check_response`.
        """
        found: Interface = follow(self._fetch_interface(), self._get)
        return found

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Call a method with encoded arguments.

        Raises:
            MlemError: See `mlem.clients.response.check_response`.
        """
        return follow(self._call_encoded(method, payload), self._get)

    def call_stream(self, method: str, payload: Mapping[str, Any]) -> Iterator[Any]:
        """Call a method that answers item by item; see `Client.call_stream`.

        ``timeout_s`` is for the first item, and again for each of the others.

        Raises:
            MlemError: See `mlem.clients.response.check_response`.
        """
        answer = follow(self._call_stream(method, payload), self._get)
        return (
            Lines(answer.items, self.url, self.most_answer_bytes)
            if answer.items is not None
            else iter(_listed(check_response(answer, self.url)))
        )

    def call_binary(self, method: str, body: bytes, media_type: str, accept: str) -> tuple[bytes | bytearray, str]:
        """Call a method with its only argument in a binary format; see `Client.call_binary`.

        Raises:
            MlemError: See `mlem.clients.response.check_response`.
        """
        found: tuple[bytes | bytearray, str] = follow(self._call_binary(method, body, media_type, accept), self._get)
        return found

    async def call_async(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method without blocking the event loop and without a thread; see `Client.call`.

        Calls of one event loop share connections. A cancelled call closes its connection, so that the server does not
        begin with it.

        Returns:
            The method's answer; for a method that answers item by item an iterator for ``async for``, which is closed
            with ``aclose``.
        """
        described, answer = await follow_async(self._course(method, args, kwargs), self._get_async)
        return items_async(method, described, answer) if described.streams else answer

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that the server accepts; see `Client.formats`."""
        return self.interface.formats

    @property
    def most_answer_bytes(self) -> float:
        """How large an answer may be; see `Client.most_answer_bytes`."""
        return self.max_answer_mib * 2**20

    def close(self) -> None:
        """Close the connections that nobody uses; the next call opens new ones."""
        pools = self._pools.take()
        if pools is not None:
            pools.close()

    def _fetch_interface(self) -> Course[Interface]:
        from mlem_model.serving.interface import Interface

        return Interface.parse(
            check_response((yield from self._exchange("GET", "/interface.json", None)), self.url), self.url
        )

    def _call_encoded(self, method: str, payload: Mapping[str, Any]) -> Course[Any]:
        body = json.dumps(payload, separators=(",", ":")).encode()
        return check_response((yield from self._post(method, body)), self.url)

    def _call_stream(self, method: str, payload: Mapping[str, Any]) -> Course[Response]:
        body = json.dumps(payload, separators=(",", ":")).encode()
        return (yield from self._post(method, body, accept=_STREAM, whole=False))

    def _call_binary(
        self, method: str, body: bytes, media_type: str, accept: str
    ) -> Course[tuple[bytes | bytearray, str]]:
        answer = yield from self._post(method, body, media_type, accept)
        answered_as = answer.content_type.partition(";")[0].strip()
        if answer.status != 200 or answered_as not in (JSON, *self.formats):
            check_response(answer, self.url)
            raise not_a_server(self.url, f"it answers with {answered_as or 'no content type'}")
        return answer.body, answered_as

    def _post(
        self, method: str, body: bytes, media_type: str = JSON, accept: str = JSON, *, whole: bool = True
    ) -> Course[Response]:
        described = self._interface.methods.get(method) if self._interface is not None else None
        once = described is not None and described.effects
        path = f"/{quote(method, safe='')}"
        return (yield from self._exchange("POST", path, body, media_type, accept, whole=whole, once=once))

    def _exchange(
        self,
        verb: str,
        path: str,
        body: bytes | None,
        media_type: str = JSON,
        accept: str = JSON,
        *,
        whole: bool = True,
        once: bool = False,
    ) -> Course[Response]:
        """Send a request, and repeat it if the model can't have seen it."""
        from mlem.clients.wire import Request

        deadline, most_bytes = Deadline(self.timeout_s), self.most_answer_bytes
        attempt = 0
        while True:
            attempt += 1
            pause_s: float | None
            try:
                headers = self._headers(body, media_type, accept)
                answer: Response = yield Request(verb, self.url, path, headers, body, deadline, whole, once, most_bytes)
            except PlatformError as error:
                pause_s = (
                    PAUSE_S
                    if error.code == "unreachable" or (verb == "GET" and error.code == "connection-lost")
                    else None
                )
                if pause_s is None or attempt == ATTEMPTS or pause_s >= deadline.left_s():
                    raise
            else:
                unseen = answer.status == 503 and answer.error().get("code") not in _SEEN
                pause_s = answer.retry_after_s if unseen else None
                if pause_s is None or attempt == ATTEMPTS or pause_s >= deadline.left_s():
                    return answer
            yield pause_s

    def _get(self, need: Request | float) -> Response | None:
        """Do what a course needs: send a request, or pause."""
        from mlem.clients.wire import send

        if isinstance(need, float):
            time.sleep(need)
            return None
        return send(self._pools.get(), self._route(), need)

    async def _get_async(self, need: Request | float | Ask) -> Any:
        from mlem.clients.wire import send_async

        if isinstance(need, float):
            import asyncio

            return await asyncio.sleep(need)
        if not isinstance(need, Ask):
            return await send_async(self._pools.get(), self._route(), need)
        found = await follow_async(getattr(self, f"_{need.name}")(*need.args), self._get_async)
        if need.name != "call_stream":
            return found
        return (
            AsyncLines(found.items, self.url, self.most_answer_bytes)
            if found.items is not None
            else _later(_listed(check_response(found, self.url)))
        )

    def _route(self) -> Route:
        from mlem.clients.connection.route import route_to

        return route_to(self.url, self.ca_file, None if self.direct else proxy_for(self.url))

    def _headers(self, body: bytes | None, media_type: str, accept: str) -> dict[str, str]:
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        headers["accept"] = accept
        if body is not None:
            headers["content-type"] = media_type
        token = self.token.get_secret_value() if self.token is not None else os.environ.get(TOKEN_VARIABLE, "").strip()
        if not _fits_header(token):
            message = f"{TOKEN_VARIABLE} has a character that does not fit into a header"
            raise CredentialsError(message, hint=f"set {TOKEN_VARIABLE} to one token")
        if token and not any(name.lower() == "authorization" for name in headers):
            headers["authorization"] = f"Bearer {token}"
        return headers


def _pools() -> Pools:
    from mlem.clients.connection.pools import Pools

    return Pools()


def _fits_header(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text) and text == text.strip()


def _listed(found: Any) -> list[Any]:
    """Return the items of an answer from a server or a proxy that sends everything at once."""
    return found if isinstance(found, list) else [found]


async def _later(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
