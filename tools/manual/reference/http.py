"""The pages about a server's HTTP API and about its metrics, from the tables of routes and of metrics themselves."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

from manual.reference.sources import calls_in, literal, quoted
from mlem import api
from mlem_server.app import App
from mlem_server.inference.loading import read_model
from mlem_server.settings import Settings

MEANINGS = {
    "/": "the page: a form to call the model",
    "/METHOD": "calls a method: the arguments by name, or a binary body",
    "/docs": "every path with examples, and how to make a client",
    "/healthz": "whether the process is alive",
    "/interface.json": "methods, types and sample rows, as mlem's client reads them",
    "/invocations": "SageMaker's path: calls `predict`, or what the custom attributes name; CSV and files too",
    "/metrics": "[numbers](metrics.md) for Prometheus",
    "/models": "the models that are served",
    "/openapi.json": "the same as OpenAPI 3.1",
    "/ping": "SageMaker's readiness",
    "/readyz": "whether the model is loaded and gave the saved answer; 503 with the reason otherwise",
    "/v2": "KServe v2: the server and its version",
    "/v2/health/live": "KServe v2: whether the process is alive",
    "/v2/health/ready": "KServe v2: whether the models can be asked",
    "/v2/models/NAME": "KServe v2: inputs and outputs of the model",
    "/v2/models/NAME/infer": "KServe v2: a call with tensors",
    "/v2/models/NAME/ready": "KServe v2: whether this model can be asked",
    "/v2/repository/index": "the models that are served, as Triton lists them",
}
"""What each path is for. Files of the page are not here."""
HTTP = """# HTTP API

What a server answers, here with one model, `NAME`. With several models, each has its own paths under
`/models/NAME/`, and `/` lists them. `GET /openapi.json` of a running server has the types of its model; [Serve a
model](../how-to/serve.md) says what may be sent in which format, and [Errors](errors.md#of-the-server) has every
refusal.

| method | path | without a token | what it is for |
|---|---|---|---|
"""
METRICS = """# Metrics

What `GET /metrics` of a server reports, for Prometheus; summed over workers. A counter's name ends with `_total`
there, a histogram has `_bucket`, `_sum` and `_count`. [Serve a model](../how-to/serve.md#metrics) has a dashboard.

| name | kind | labels | meaning |
|---|---|---|---|
"""


KINDS = {"Counter": "counter", "Gauge": "gauge", "TalliedHistogram": "histogram"}


def predict(x: float) -> float:
    """Return the same; a model to have a table of routes for."""
    return x


def routes() -> dict[str, list[tuple[str, bool]]]:
    """Return for each path the HTTP methods, each with whether it is answered without a token.

    The files of the page are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        api.save(predict, Path(folder) / "NAME", sample_data=1.0)
        model = read_model(Path(folder) / "NAME.mlem")
    table = App({"NAME": model}, Settings(), "0").places.table.by_path
    found: dict[str, list[tuple[str, bool]]] = {}
    for path, methods in table.items():
        if "." in path and path not in MEANINGS:
            continue
        name = {"/predict": "/METHOD", "": "/"}.get(path, path)
        found[name] = [(method, route.public) for method, route in methods.items() if method != "HEAD"]
    return found


def http_page() -> str:
    """Return the page about every path of a server."""
    rows = [
        f"| {method} | `{path}` | {'yes' if public else 'no'} | {MEANINGS[path]} |"
        for path, methods in sorted(routes().items())
        for method, public in methods
    ]
    return HTTP + "\n".join(rows) + "\n\nHEAD is answered where GET is.\n"


def metrics() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return name, kind, labels and meaning of each metric, as the server's modules make them."""
    found: list[tuple[str, str, tuple[str, ...], str]] = []
    for call in calls_in("server"):
        kind, arguments = KINDS.get(ast.unparse(call.func)), [literal(one) for one in call.args]
        if kind and arguments and str(arguments[0]).startswith("mlem_"):
            labels = arguments[2] if len(arguments) > 2 else None
            names = tuple(map(str, labels)) if isinstance(labels, list) else ()
            found.append((str(arguments[0]), kind, names, str(arguments[1])))
    return sorted(found)


def metrics_page() -> str:
    """Return the page about every metric."""
    return METRICS + "".join(
        f"| `{name}{'_total' if kind == 'counter' else ''}` | {kind} | {', '.join(map(quoted, labels))} | {about} |\n"
        for name, kind, labels, about in metrics()
    )
