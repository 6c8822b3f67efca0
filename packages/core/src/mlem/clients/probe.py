"""A quick check of a server's readiness, with the standard library only: ``mlem deployment status`` must be fast."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import ssl
from collections.abc import Container
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from mlem.clients.connection.connecting import connect
from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.proxy import proxy_for

MAX_BYTES = 65536


def ready(url: str, timeout_s: float, *, direct: bool = False) -> tuple[bool, str]:
    """Ask a server whether its model answers.

    Args:
        url: The server's address, ``http://host:8080``.
        timeout_s: Seconds for everything together.
        direct: Whether to use no proxy, whatever the environment says.

    Returns:
        Whether it is ready, and why not; the reason is empty when it is.
    """
    place = _place(url)
    answer = _answer(url, "/readyz", timeout_s, direct=direct)
    return (False, answer) if isinstance(answer, str) else _judge(*answer, place)


def responds(
    url: str, path: str, timeout_s: float, *, direct: bool = False, accepted: Container[int] = (200,)
) -> tuple[bool, str]:
    """Check whether a server that is not ours answers a request.

    Args:
        url: The server's address, ``http://host:8080``.
        path: The path to request: ``/interface.json``.
        timeout_s: Seconds for everything together.
        direct: Whether to use no proxy, whatever the environment says.
        accepted: The status codes that will do.

    Returns:
        Whether it does, and why not; the reason is empty when it does.
    """
    answer = _answer(url, path, timeout_s, direct=direct)
    if isinstance(answer, str):
        return False, answer
    fine = answer[0] in accepted
    return fine, "" if fine else f"{_place(url)} answers {path} with status {answer[0]}"


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{_port(parts)}"


def _answer(url: str, path: str, timeout_s: float, *, direct: bool) -> tuple[int, bytes] | str:
    """Return status and body; or, in words, why there is no answer."""
    parts, place = urlsplit(url), _place(url)
    try:
        return _ask(parts, path, None if direct else proxy_for(url), Deadline(timeout_s))
    except TimeoutError:
        return f"no answer from {place} within {timeout_s:g} s"
    except socket.gaierror as error:
        return f"{parts.hostname} is unknown: {error.strerror}"
    except http.client.HTTPException as error:
        return f"{place} does not speak HTTP: {type(error).__name__}"
    except OSError as error:
        return f"no connection to {place}: {error.strerror or error}"


def _ask(parts: SplitResult, path: str, proxy: str | None, deadline: Deadline) -> tuple[int, bytes]:
    path = f"{parts.path.rstrip('/')}{path}"
    if proxy is None:
        made = connect(parts.hostname or "", _port(parts), deadline)
        return _get(parts, _secured(parts, made, deadline), path, {}, deadline)
    through = urlsplit(proxy)
    made = connect(through.hostname or "", _port(through), deadline)
    headers = {}
    if through.username:
        words = f"{unquote(through.username)}:{unquote(through.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    if parts.scheme == "http":
        return _get(parts, made, f"http://{parts.netloc}{path}", headers, deadline)
    connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
    connection.sock = _Timed(made, deadline)
    try:
        connection.request("CONNECT", f"{parts.hostname}:{_port(parts)}", headers=headers)
        status = connection.getresponse().status
    except BaseException:
        made.close()
        raise
    if not 200 <= status < 300:
        made.close()
        raise OSError(f"the proxy says {status}")
    return _get(parts, _secured(parts, made, deadline), path, {}, deadline)


def _secured(parts: SplitResult, made: socket.socket, deadline: Deadline) -> socket.socket:
    if parts.scheme != "https":
        return made
    try:
        made.settimeout(deadline.expect_time())
        return ssl.create_default_context().wrap_socket(made, server_hostname=parts.hostname)
    except BaseException:
        made.close()
        raise


def _get(
    parts: SplitResult, made: socket.socket, path: str, headers: dict[str, str], deadline: Deadline
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
    connection.default_port = (
        443 if parts.scheme == "https" else 80
    )  # so that the Host header has the port where it is needed
    connection.sock = _Timed(made, deadline)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(MAX_BYTES)
    finally:
        made.close()


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


class _Timed:
    """What `http.client` needs of a socket; every step keeps to the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.expect_time())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket to its owner: after CONNECT it is still used."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.expect_time())
        return self._sock.recv_into(buffer)


def _judge(status: int, body: bytes, place: str) -> tuple[bool, str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "status" not in document:
        return False, f"{place} answers with status {status}, and is not an mlem server"
    if status == 200 and document["status"] == "ready":
        return True, ""
    return False, str(document.get("reason") or document["status"])
