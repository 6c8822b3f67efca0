"""The page under ``/``: a description of the model, a form to call it, the answer, and the same call in a program.

All its files come from this server, and are asked for by relative addresses: whatever prefix a proxy has in front.

The page itself knows nothing about the model: its script asks ``/interface.json``, with the token where one is needed.
"""

from __future__ import annotations

import importlib.resources

from mlem_server.http.response import HTML, Response

_TYPES = {"html": HTML, "css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8"}
_ASSETS = ("page.css", "page.js", "server.js", "form.js", "files.js", "answer.js", "snippets.js", "history.js")
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def page_files() -> dict[str, Response]:
    """Return the files of the page, by path."""
    folder = importlib.resources.files("mlem_server.pages").joinpath("assets")
    files = {f"/assets/{name}": name for name in _ASSETS}
    return {
        path: _response(folder.joinpath(name).read_bytes(), name) for path, name in {"/": "page.html", **files}.items()
    }


def _response(content: bytes, name: str) -> Response:
    return Response(200, content, _TYPES[name.rpartition(".")[2]], _HEADERS)
