"""`App`: the tables of all protocols, who is admitted, and the answer to each error."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlem_model.models.model import Model
from mlem_server.decoding.limits import Limits
from mlem_server.decoding.threads import DecodingThreads
from mlem_server.decoding.unpacker import Unpacker
from mlem_server.edge.callers import CallerLimit
from mlem_server.edge.compression import coding_of
from mlem_server.edge.deadlines import timeout_of
from mlem_server.edge.front import Front
from mlem_server.edge.proxies import Proxies
from mlem_server.http.application import Application
from mlem_server.http.auth import Tokens
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.content_type import content_type
from mlem_server.http.errors import HttpError, unavailable
from mlem_server.http.request import Callee, Reply, Request
from mlem_server.http.response import Response, error_response
from mlem_server.http.routes import Route
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.models.places import Places
from mlem_server.models.served_model import Parts
from mlem_server.process.file_watch import FileWatches
from mlem_server.settings import Settings
from mlem_server.telemetry.metrics import Metrics
from mlem_server.telemetry.trace_context import trace_id_of

if TYPE_CHECKING:
    from mlem_server.recording.recorder import Recorder
    from mlem_server.telemetry.traces import Traces

log = logging.getLogger("mlem.server")


class App(Application):
    """The server's application: all protocols, over models each of which another may replace.

    Args:
        models: The metadata of the models that are served, by name.
        settings: Limits and tokens.
        version: The server's version.

    Attributes:
        places: Where the models are.
        watches: Files that are read again when they change.
        on_look: Called now and then while the event loop works and all models are loaded.
    """

    def __init__(self, models: Mapping[str, Model], settings: Settings, version: str) -> None:
        self._settings = settings
        self._tokens, self.watches = Tokens(settings.tokens, settings.token_file), FileWatches()
        self.watches.add(self._tokens.watch())
        self.on_look: Callable[[], None] = lambda: None
        self._metrics = Metrics(["invocations", "infer"])
        self._traces: Traces | None = None
        if settings.traces:
            from mlem_server.telemetry.traces import Traces  # late: it takes a while, and most servers send none

            self._traces = Traces(next(iter(models)) if len(models) == 1 else "mlem-server")
        self._recorder: Recorder | None = None
        if settings.record:
            from mlem_server.recording.recorder import Recorder  # late: it needs file systems, and most servers don't
            from mlem_server.recording.store import Store

            self._recorder = Recorder(
                Store(settings.record), settings.record_share, settings.record_bytes, self._metrics.recorded
            )
        self._errors = ErrorMapping(self._metrics, hide_model_errors=settings.hide_model_errors)
        self._budget = BodyBudget(settings.max_bodies_bytes)
        self._threads = DecodingThreads()
        self._front = Front(settings, self._threads, self._budget, self._errors.response_to)
        self._proxies = Proxies(settings.root_path, settings.trusted_proxies)
        self._callers = CallerLimit(settings.max_calls_per_caller, self._proxies)
        self._unpacker = Unpacker(settings.max_decoded_bytes, settings.request_timeout_s)
        parts = Parts(
            settings,
            version,
            bool(self._tokens),
            self._metrics,
            self._errors,
            self._budget,
            self._threads,
            Limits(settings.max_decoded_bytes, self._unpacker.arrow, self._unpacker.parquet),
        )
        self.places = Places(models, parts)

    # What connections ask for

    def admit(self, request: Request) -> Response | None:
        """Look at the head of a request; return its refusal, None when its body may come."""
        try:
            redirect = self._proxies.redirect(request) if request.target not in self.places.table.by_target else None
            if redirect is not None:
                return redirect
            route = self._route(request)
            request.route, request.handler, request.takes_body = route.name, route.handler, route.calls
            request.callee = callee = route.callee
            if callee is not None:
                self._admit_call(request, route, callee)
        except HttpError as error:
            return self._front.cors.allow(request, self.refused(error))
        return None

    def admits_again(self, request: Request) -> bool:
        """Whether a request with the head of one that was admitted is admitted, too."""
        callee = request.callee
        if callee is None or not callee.is_ready or self._settings.max_calls_per_caller:
            return False
        try:
            request.token_name = self._tokens.check(request.headers.get(b"authorization"))
            callee.expect_room()
        except HttpError:
            return False
        callee.begin()
        request.begun = True
        return True

    def reserve(self, request: Request, size_bytes: int) -> bool:
        """Reserve memory for what has arrived of a body; see `BodyBudget.reserve`."""
        return self._budget.reserve(request, size_bytes)

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer a request that was admitted.

        Args:
            request: The request, with its body.
            reply: Called with the answer, now or later, on the event loop.
        """
        if request.handler is None:
            raise AssertionError("only what was admitted gets here")
        try:
            self._front.handle(request, reply, self._recorded if self._recorder is not None else request.handler)
        except Exception as error:
            reply(self._errors.response_to(request, error))

    def _recorded(self, request: Request, reply: Reply) -> None:
        """Answer a request, and have it recorded; its body is unpacked by now."""
        if self._recorder is not None and request.callee is not None:
            self._recorder.begin(request)
        if request.handler is not None:
            request.handler(request, reply)

    def answered(self, request: Request, response: Response) -> None:
        """Count and log an answer that is sent."""
        self._release(request)
        seconds = time.monotonic() - request.started
        trace_id = ""
        if self._traces is not None:
            trace_id = self._traces.answered(request, response, seconds)
        elif b"traceparent" in request.headers:
            trace_id = trace_id_of(request.headers[b"traceparent"])
        if request.callee is not None:
            request.callee.answered(request.route, response.status, seconds, trace_id)
        else:
            self._metrics.answered(response.status)
        self._metrics.share()
        if self._recorder is not None:
            self._recorder.end(request, response, seconds)
        if seconds > self._settings.slow_call_s and request.takes_body:
            self._tell_slow(request, response, seconds)
        if self._settings.access_log:
            facts = {
                "method": request.method,
                "path": request.path,
                "status": response.status,
                "ms": round(seconds * 1e3, 2),
                "caller": self._proxies.caller(request),
                **({"token": request.token_name} if request.token_name else {}),
            }
            log.info("%s %s %d %.1f ms id=%s", request.method, ascii(request.path)[1:-1], response.status,
                     seconds * 1e3, request.id, extra={"facts": {**facts, "request_id": request.id}})  # fmt: skip

    def _tell_slow(self, request: Request, response: Response, seconds: float) -> None:
        waited = (request.asked or request.started + seconds) - request.started
        model = request.callee.name if request.callee is not None else ""
        facts = {"request_id": request.id, "model": model, "route": request.route, "status": response.status}
        log.warning(
            "slow: %s of %s took %.3g s, %.3g s of them until the model was asked, status %d id=%s",
            request.route, model, seconds, waited, response.status, request.id,
            extra={"facts": {**facts, "ms": round(seconds * 1e3), "waited_ms": round(waited * 1e3)}},
        )  # fmt: skip

    def forget(self, request: Request) -> None:
        """Drop a request that nobody waits for any more."""
        self._release(request)
        if self._recorder is not None:
            self._recorder.end(request, None)
        if request.cancel is not None:
            request.cancel()
            request.cancel = None

    def _release(self, request: Request) -> None:
        """Give back what a request has; doing so again does no harm."""
        self._budget.release(request)
        self._callers.end(request)
        if request.begun and request.callee is not None:
            request.begun = False
            request.callee.end()

    def tick(self) -> None:
        """Look after calls that wait, after models that hang, and after files that may have changed."""
        if self.places.are_loaded:
            self.on_look()
        for place in self.places:
            place.look()
        self.watches.look()
        self._metrics.hand_over()

    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late."""
        self._metrics.loop_was_late(seconds)

    def stop(self) -> Response:
        """Report by ``/readyz`` that the server stops; return the answer for requests that are not finished in time."""
        for place in self.places:
            place.stop()
        return error_response(unavailable("stopping", "the server stopped before the model answered"))

    def close(self) -> None:
        """Send what is left of the traces, write what is left of the calls, and end what was started."""
        self._unpacker.close()
        if self._recorder is not None:
            self._recorder.close()
        if self._traces is not None:
            self._traces.close()

    # Routes

    def _route(self, request: Request) -> Route:
        table = self.places.table
        methods = table.by_target.get(request.target) or table.by_path.get(self._proxies.path(request))
        if self._front.cors.is_preflight(request):
            return Route("OPTIONS", request.path, self._front.cors.answer, public=True)
        route = methods.get(request.method) if methods else None
        if route is None or not route.public:
            request.token_name = self._tokens.check(request.headers.get(b"authorization"))
        if route is not None:
            return route
        path = request.path
        if methods:
            allow = ", ".join(sorted(methods))
            message = f"{path} does not answer {request.method[:20]}"
            raise HttpError(405, "method-not-allowed", message, known=sorted(methods), headers={"allow": allow})
        raise self.places.missing(path, call=request.method == "POST")

    def _admit_call(self, request: Request, route: Route, callee: Callee) -> None:
        headers = request.headers
        request.media_type = content_type(headers, route.media_types)
        if b"content-encoding" in headers:
            request.coding = coding_of(headers[b"content-encoding"])
        if b"x-request-timeout" in headers:
            request.timeout_s = timeout_of(headers[b"x-request-timeout"])
        length = request.check_length(self._settings.max_body_bytes)
        callee.expect_room()
        self._budget.check(length)
        self._callers.begin(request, by_token=bool(self._tokens))
        callee.begin()
        request.begun = True

    def refused(self, error: HttpError) -> Response:
        """Count a refusal, and return the answer."""
        return self._errors.refused(error)
