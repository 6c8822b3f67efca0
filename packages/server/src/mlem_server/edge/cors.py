"""`Cors`: pages of other origins may call this server, where it is told which.

Source: the Fetch standard, section "HTTP extensions", https://fetch.spec.whatwg.org/#http-extensions (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlem_model.models.calls.answer_headers import NOTES_HEADER, TYPE_HEADER
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response

ANY = "*"
_METHODS = "GET, HEAD, POST"
_HEADERS = "accept, authorization, content-encoding, content-type, x-request-id, x-request-timeout"
_EXPOSED = f"retry-after, x-request-id, {NOTES_HEADER}, {TYPE_HEADER}"
_AGE_S = 600


class Cors:
    """Which origins may read answers.

    Tokens travel in a header that a page sets itself, so no answer depends on what a browser sends by itself, and
    cookies are never asked for.

    Args:
        origins: As browsers write them: ``https://app.example``; ``*`` for any; none for none.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = ANY in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def is_preflight(self, request: Request) -> bool:
        """Whether a browser asks if a page may send what it wants to send; it has no token."""
        return (
            bool(self._origins)
            and request.method == "OPTIONS"
            and b"origin" in request.headers
            and b"access-control-request-method" in request.headers
        )

    def answer(self, request: Request, reply: Reply) -> None:
        """Answer such a question."""
        headers = {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": _HEADERS,
            "access-control-max-age": str(_AGE_S),
        }
        reply(Response(204, b"", b"text/plain", headers if self._allows(request) else {}))

    def allow(self, request: Request, response: Response) -> Response:
        """Return an answer with the headers that let a page read it."""
        if not self._origins or b"origin" not in request.headers:
            return response
        headers = dict(response.headers)
        if not self._any:
            headers["vary"] = ", ".join(filter(None, (headers.get("vary"), "origin")))
        if self._allows(request):
            allowed = ANY if self._any else request.headers[b"origin"].decode("latin-1")
            headers |= {"access-control-allow-origin": allowed, "access-control-expose-headers": _EXPOSED}
        return replace(response, headers=headers)

    def _allows(self, request: Request) -> bool:
        return self._any or request.headers.get(b"origin") in self._origins
