from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector() -> Iterator[Any]:
    """A collector of OpenTelemetry's protocol over HTTP."""
    proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            request = proto.ExportTraceServiceRequest.FromString(body)
            spans.extend(
                (resource.resource, span)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    server.spans = spans  # type: ignore[attr-defined]  # for the tests to read
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_span_of_each_answer_becomes_part_of_the_callers_trace(
    starter: Any, file_model: Path, collector: Any
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    served = starter.start(
        file_model, "--traces", env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    )
    served.post("/predict", {"path": os.devnull}, {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    served.process.terminate()
    assert served.process.wait(timeout=60) == 0
    resource, span = next((resource, span) for resource, span in collector.spans if span.name == "POST /predict")
    attributes = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
    assert (span.trace_id.hex(), attributes["http.route"], attributes["http.response.status_code"]) == (
        TRACE,
        "/predict",
        200,
    )
    assert span.end_time_unix_nano > span.start_time_unix_nano
    assert {item.key: item.value.string_value for item in resource.attributes}["service.name"] == "file"
