"""The table of routes of the pages for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from mlem_server.http.request import Handler
from mlem_server.http.response import HTML, Response, json_response
from mlem_server.http.routes import Route
from mlem_server.pages.docs import DOCS_HEADERS, docs_page
from mlem_server.pages.home import page_of_a_model
from mlem_server.pages.openapi.document import openapi
from mlem_server.pages.openapi.operations import Formats


def page_routes(
    interface: Mapping[str, Any], name: str, version: str, formats: Mapping[str, Formats], *, secured: bool
) -> tuple[Route, ...]:
    """Return the table.

    Args:
        interface: What ``GET /interface.json`` answers.
        name: The model's name.
        version: The server's version.
        formats: The binary formats of each method.
        secured: Whether calls need a bearer token.
    """

    @cache
    def document() -> dict[str, Any]:
        return openapi(interface, name, version, formats, secured=secured)

    def docs() -> Response:
        return Response(200, docs_page(document(), interface, secured=secured), HTML, DOCS_HEADERS)

    return (
        *page_of_a_model(),
        Route("GET", "/docs", _when_asked(docs)),
        Route("GET", "/openapi.json", _when_asked(lambda: json_response(document()))),
    )


def _when_asked(make: Callable[[], Response]) -> Handler:
    """Return the handler that makes its answer at the first request: most servers are never asked for their pages."""
    made = cache(make)
    return lambda _request, reply: reply(made())
