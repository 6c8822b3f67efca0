"""The page under ``/docs``: methods, schemas, sample rows and a curl command; self-contained, without scripts."""

from __future__ import annotations

import html
import importlib.resources
import json
import shlex
from collections.abc import Mapping
from string import Template
from typing import Any

from mlem_server.http.response import to_json
from mlem_server.pages.clients import GENERATORS
from mlem_server.pages.openapi.components import within

DOCS_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
}


def docs_page(document: Mapping[str, Any], interface: Mapping[str, Any], *, secured: bool) -> bytes:
    """Write the page.

    Args:
        document: The OpenAPI document.
        interface: What ``GET /interface.json`` answers.
        secured: Whether calls need a bearer token.
    """
    samples = interface.get("samples") or {}
    methods = interface["methods"]
    calls = [path["post"] for path in document["paths"].values() if "post" in path]
    page = Template(
        importlib.resources.files("mlem_server.pages").joinpath("assets", "docs.html").read_text(encoding="utf-8")
    )
    text = page.substitute(
        title=html.escape(document["info"]["title"]),
        digest=html.escape(interface["model"]["digest"]),
        summary=html.escape(document["info"]["summary"]),
        contents="".join(f'<li><a href="#{html.escape(name)}">{html.escape(name)}</a></li>' for name in methods),
        methods="".join(
            _section(name, method, samples.get(name), call, document, secured=secured)
            for (name, method), call in zip(methods.items(), calls, strict=True)
        ),
        clients=_clients(secured=secured),
    )
    return text.encode()


def _section(
    name: str,
    method: Mapping[str, Any],
    sample: Mapping[str, Any] | None,
    call: Mapping[str, Any],
    document: Mapping[str, Any],
    *,
    secured: bool,
) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(argument['name'])}</code></td>"
        f"<td>{html.escape(argument['data_type']['type'])}</td><td>"
        f"{'required' if argument['required'] else 'default ' + html.escape(json.dumps(argument['default']))}</td></tr>"
        for argument in method["args"]
    )
    parts = [
        f'<section id="{html.escape(name)}"><h2><span>POST</span> /{html.escape(name)}</h2>',
        f"<table><tr><th>argument</th><th>type</th><th>needed</th></tr>{rows}</table>",
        _block("returns", method["returns"]["data_type"]["type"]),
    ]
    if sample is not None:
        parts += [
            _block("a call", _curl(name, sample["args"], secured=secured)),
            _block("its answer", json.dumps(sample["returns"])),
        ]
    schemas = document["components"]["schemas"]
    parts += [
        _schemas("body", call["requestBody"]["content"], schemas),
        _schemas("answer", call["responses"]["200"]["content"], schemas),
        "</section>",
    ]
    return "".join(parts)


def _schemas(what: str, content: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    named = within(content["application/json"]["schema"], schemas)
    return f"<details><summary>schema of the {what}</summary>{_pre(json.dumps(named, indent=2))}</details>"


def _clients(*, secured: bool) -> str:
    token = ' -H "Authorization: Bearer $MLEM_TOKEN"' if secured else ""
    fetch = _pre(f'curl "$URL/openapi.json"{token} -o openapi.json')
    return fetch + "".join(_block(generator.what, "\n".join(generator.commands)) for generator in GENERATORS)


def _curl(name: str, args: Mapping[str, Any], *, secured: bool) -> str:
    token = ' -H "Authorization: Bearer $MLEM_TOKEN"' if secured else ""
    body = shlex.quote(to_json(dict(args)).decode())
    return f'curl "$URL/{name}"{token} -H "Content-Type: application/json" -d {body}'


def _block(title: str, text: str) -> str:
    return f"<h3>{html.escape(title)}</h3>{_pre(text)}"


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
