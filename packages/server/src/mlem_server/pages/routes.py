"""The table of routes of the pages for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mlem_server.http.response import HTML, Response, json_response
from mlem_server.http.routes import Route, when_asked
from mlem_server.pages.home import page_of_a_model

if TYPE_CHECKING:
    from mlem_server.pages.openapi.operations import Formats


def page_routes(
    interface: Callable[[], Mapping[str, Any]],
    name: str,
    version: str,
    formats: Mapping[str, Formats],
    *,
    secured: bool,
) -> tuple[Route, ...]:
    """Return the table.

    Args:
        interface: Returns what ``GET /interface.json`` answers.
        name: The model's name.
        version: The server's version.
        formats: The binary formats of each method.
        secured: Whether calls need a bearer token.
    """

    @cache
    def document() -> dict[str, Any]:
        from mlem_server.pages.openapi.document import openapi  # late: most servers are never asked for it

        return openapi(interface(), name, version, formats, secured=secured)

    def docs() -> Response:
        from mlem_server.pages.docs import DOCS_HEADERS, docs_page  # late, as well

        return Response(200, docs_page(document(), interface(), secured=secured), HTML, DOCS_HEADERS)

    return (
        *page_of_a_model(),
        Route("GET", "/docs", when_asked(docs)),
        Route("GET", "/openapi.json", when_asked(lambda: json_response(document()))),
    )
