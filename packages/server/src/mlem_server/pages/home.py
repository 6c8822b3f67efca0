"""The page under ``/``: a description of the model, a form to call it, the answer, and the same call in a program.

A server with several models has one for each, and a list of them. All their files come from this server, and are asked
for by relative addresses: whatever prefix a proxy has in front.

The pages themselves know nothing about models: their scripts ask ``/interface.json`` and ``/models``, with the token
where one is needed.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from functools import cache

from mlem_server.http.response import HTML, Response
from mlem_server.http.routes import Route, always

_TYPES = {"html": HTML, "css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8"}
_SHARED = ("page.css", "server.js", "token.js")
_OF_A_MODEL = (*_SHARED, "page.js", "form.js", "files.js", "answer.js", "snippets.js", "history.js")
_OF_MODELS = (*_SHARED, "models.js")
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def page_of_a_model() -> tuple[Route, ...]:
    """Return the routes of a model's page and its files."""
    return _routes("page.html", _OF_A_MODEL)


def page_of_models() -> tuple[Route, ...]:
    """Return the routes of the page that lists several models."""
    return _routes("models.html", _OF_MODELS)


def _routes(page: str, assets: Sequence[str]) -> tuple[Route, ...]:
    paths = {"/": page, **{f"/assets/{name}": name for name in assets}}
    return tuple(Route("GET", path, always(_response(name)), public=True) for path, name in paths.items())


@cache
def _response(name: str) -> Response:
    content = importlib.resources.files("mlem_server.pages").joinpath("assets", name).read_bytes()
    return Response(200, content, _TYPES[name.rpartition(".")[2]], _HEADERS)
