"""The head of a request, checked against the rules of HTTP before anything else.

Sources: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112, sections 2.3 (version), 3 (request line), 3.2 (Host), 6.1 and
7 (Transfer-Encoding); RFC 9110, https://www.rfc-editor.org/rfc/rfc9110, sections 5.3 (repeated headers), 9.3.6
(CONNECT), 10.1.1 (Expect) and 15.6.6 (505), read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlem_server.http.errors import HttpError

_ONCE = frozenset(
    {
        b"host",
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"authorization",
        b"expect",
        b"inference-header-content-length",
    }
)
"""Headers that are not lists: of two of them nobody can say which counts."""
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")
_MOST_HOSTS, _LONG_BYTES = 64, 256
_hosts: set[bytes] = set()
"""Hosts that were checked: most callers use the same few."""
_VERSIONS = ("1.0", "1.1")
_CODINGS = frozenset({b"chunked"})


def joined(name: bytes, first: bytes, second: bytes) -> bytes:
    """Return the value of a header that is there twice.

    Raises:
        HttpError: 400 for a header that must not be repeated.
    """
    if name in _ONCE:
        raise HttpError(400, "repeated-header", f"the request has the header {name.decode('latin-1')} twice")
    return first + b", " + second


def check_head(method: str, version: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuse a head that is not HTTP/1.0 or 1.1, or that needs something which this server does not support.

    Args:
        method: The HTTP method.
        version: As the parser has it: ``1.1``.
        headers: Names in lower case.

    Raises:
        HttpError: 400 no Host, a bad one, or a coding where none may be; 417 an expectation; 501 a coding or CONNECT;
            505 a version.
    """
    host = headers.get(b"host")
    if version not in _VERSIONS:
        raise bad_version()
    if host is None:
        if version == "1.1":
            raise HttpError(400, "bad-host", "the request has no Host header", hint="HTTP/1.1 needs one: Host: NAME")
    elif host not in _hosts and not _is_host(host):
        raise HttpError(400, "bad-host", "the Host header is not a host: expected NAME or NAME:PORT")
    coding = headers.get(b"transfer-encoding")
    if coding is not None and coding != b"chunked":
        _check_coding(coding)
    if coding is not None and version == "1.0":
        raise HttpError(400, "bad-http", "HTTP/1.0 has no Transfer-Encoding")
    expected = headers.get(b"expect")
    if expected is not None and expected.lower() != b"100-continue" and version != "1.0":
        raise HttpError(417, "unknown-expectation", "the header Expect is not 100-continue")
    if method == "CONNECT":
        raise HttpError(501, "not-implemented", "this server is not a proxy: CONNECT does nothing here")


def bad_version() -> HttpError:
    """Return the refusal of a version of HTTP that is not supported."""
    return HttpError(505, "bad-http-version", "this server speaks HTTP/1.1 and HTTP/1.0")


def _is_host(value: bytes) -> bool:
    if not _HOST.fullmatch(value):
        return False
    if len(_hosts) < _MOST_HOSTS and len(value) < _LONG_BYTES:
        _hosts.add(value)
    return True


def _check_coding(value: bytes) -> None:
    codings = [part.split(b";")[0].strip().lower() for part in value.split(b",")]
    if not set(codings) <= _CODINGS:
        raise HttpError(501, "unknown-transfer-coding", "the only supported Transfer-Encoding is chunked")
    if len(codings) > 1:
        raise HttpError(400, "bad-http", "the body is chunked twice")
