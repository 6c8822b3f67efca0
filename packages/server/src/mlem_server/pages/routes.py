"""The table of routes of the pages for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem_server.http.response import HTML, Response, json_response
from mlem_server.http.routes import Route, always
from mlem_server.pages.docs import DOCS_HEADERS, docs_page
from mlem_server.pages.home import page_files
from mlem_server.pages.openapi import Formats, openapi


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
    document = openapi(interface, name, version, formats, secured=secured)
    docs = Response(200, docs_page(document, interface, secured=secured), HTML, DOCS_HEADERS)
    return (
        *(Route("GET", path, always(file), public=True) for path, file in page_files().items()),
        Route("GET", "/docs", always(docs)),
        Route("GET", "/openapi.json", always(json_response(document))),
    )
