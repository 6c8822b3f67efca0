"""`Traces`: a span for each answered request, sent by OpenTelemetry as its environment variables say.

Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (attributes) and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ (``OTEL_EXPORTER_OTLP_ENDPOINT``...),
read 2026-11.
"""

from __future__ import annotations

import time
from typing import Any

from mlem_model.errors import PluginError
from mlem_server.http.request import Request
from mlem_server.http.response import Response


class Traces:
    """Sends spans; a request that carries a trace's id becomes a part of that trace.

    Args:
        name: The service's name, unless ``OTEL_SERVICE_NAME`` is set.

    Raises:
        PluginError: OpenTelemetry is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            from opentelemetry import propagate, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise PluginError(
                "traces need OpenTelemetry, which is not installed", hint="pip install 'mlem-server[traces]'"
            ) from error
        resource = Resource.create({"service.name": name}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mlem.server")
        self._extract = propagate.extract
        self._kind, self._status, self._error = trace.SpanKind.SERVER, trace.Status, trace.StatusCode.ERROR

    def answered(self, request: Request, response: Response, seconds: float) -> str:
        """Note an answer; return the id of its trace, empty where it is not recorded.

        Args:
            request: The request.
            response: The answer.
            seconds: What it took.
        """
        carrier = {key.decode("latin-1"): value.decode("latin-1") for key, value in request.headers.items()}
        end_ns = time.time_ns()
        attributes: dict[str, Any] = {
            "http.request.method": request.method,
            "url.path": request.path,
            "http.response.status_code": response.status,
            "http.response.body.size": len(response.body),
            "mlem.request_id": request.id,
        }
        if request.callee is not None:
            attributes["mlem.model.name"] = request.callee.name
            attributes["mlem.model.digest"] = request.callee.digest
        if request.route:
            attributes["http.route"] = f"/{request.route}"
        span = self._tracer.start_span(
            f"{request.method} /{request.route}" if request.route else request.method,
            context=self._extract(carrier),
            kind=self._kind,
            attributes=attributes,
            start_time=end_ns - round(seconds * 1e9),
        )
        if response.status >= 500:
            span.set_status(self._status(self._error))
        span.end(end_ns)
        context = span.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
