"""`App`: the tables of all protocols, who is admitted, and the answer to each error."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

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
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response, error_response
from mlem_server.http.routes import Route
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.dispatching.hangs import HangDetector
from mlem_server.inference.dispatching.jobs import Job
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.inference.readiness import READY, STOPPING, Health
from mlem_server.inference.service import unknown_method
from mlem_server.process.file_watch import FileWatches
from mlem_server.served_model import Parts, ServedModel
from mlem_server.settings import Settings
from mlem_server.telemetry.metrics import Metrics
from mlem_server.telemetry.trace_context import trace_id_of

if TYPE_CHECKING:
    from mlem_server.telemetry.traces import Traces

log = logging.getLogger("mlem.server")


class App(Application):
    """The server's application: all protocols, over one model that another may replace.

    Args:
        model: The metadata of the model that is served.
        name: The model's name, for people.
        settings: Limits and tokens.
        version: The server's version.

    Attributes:
        watches: Files that are read again when they change.
        hangs: Notices a model that hangs.
    """

    def __init__(self, model: Model, name: str, settings: Settings, version: str) -> None:
        self._name = name
        self._settings = settings
        self._tokens, self.watches = Tokens(settings.tokens, settings.token_file), FileWatches()
        self.watches.add(self._tokens.watch())
        self._metrics = Metrics(["invocations", "infer"])
        self._metrics.serve(name, model.digest, model.methods)
        self._traces: Traces | None = None
        if settings.traces:
            from mlem_server.telemetry.traces import Traces  # late: it takes a while, and most servers send none

            self._traces = Traces(name, model.digest)
        self.hangs = HangDetector(settings.request_timeout_s, settings.hang_bound_s, self._metrics)
        self._errors = ErrorMapping(self._metrics, hide_model_errors=settings.hide_model_errors)
        self._budget = BodyBudget(settings.max_bodies_bytes)
        self._threads = DecodingThreads()
        self._front = Front(settings, self._threads, self._budget, self._errors.response_to)
        self._proxies = Proxies(settings.root_path, settings.trusted_proxies)
        self._callers = CallerLimit(settings.max_calls_per_caller, self._proxies)
        self._unpacker = Unpacker(settings.max_decoded_bytes, settings.request_timeout_s)
        self._parts = Parts(
            settings,
            version,
            bool(self._tokens),
            self._metrics,
            self._errors,
            self._budget,
            self._threads,
            Limits(settings.max_decoded_bytes, self._unpacker.arrow, self._unpacker.parquet),
            self._asked,
        )
        self._served = ServedModel(model, name, self._parts)
        self._retired: list[ServedModel] = []

    @property
    def model(self) -> Model:
        """The metadata of the model that is served."""
        return self._served.model

    @property
    def health(self) -> Health:
        """Whether the model may be asked."""
        return self._served.health

    @property
    def dispatcher(self) -> Dispatcher:
        """Where calls meet the model."""
        return self._served.dispatcher

    async def load(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread, then answer calls.

        Args:
            load: Returns the model.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``readiness``.
        """
        self._metrics.loaded(await self._served.load(load))
        self.hangs.on_look()  # before the first call: from now on signs of life are expected

    async def replace(self, model: Model, load: Callable[[], Any]) -> None:
        """Serve another model instead, from the moment when it is ready; calls on their way end where they began.

        Args:
            model: The metadata of the other one.
            load: Returns it.

        Raises:
            MlemError: What ``load`` raised; then everything stays as it was.
        """
        new = ServedModel(model, self._name, self._parts)
        try:
            self._metrics.loaded(await new.load(load))
        except BaseException:
            new.retire()
            raise
        old, before = self._served, self._served.health.readiness
        if before.status in ("stopping", "hanging"):
            new.retire()
            return
        self._served = new
        self._metrics.serve(self._name, model.digest, model.methods)
        self._retired.append(old)
        old.retire()
        log.info("the model %s took the place of %s", model.digest, old.model.digest)

    # What connections ask for

    def admit(self, request: Request) -> Response | None:
        """Look at the head of a request; return its refusal, None when its body may come."""
        try:
            redirect = self._proxies.redirect(request) if request.target not in self._served.table.by_target else None
            if redirect is not None:
                return redirect
            route = self._route(request)
            request.route, request.handler, request.takes_body = route.name, route.handler, route.calls
            if route.calls:
                self._admit_call(request, route)
        except HttpError as error:
            return self._front.cors.allow(request, self.refused(error))
        return None

    def admits_again(self, request: Request) -> bool:
        """Whether a request with the head of one that was admitted is admitted, too."""
        served = self._served
        if request.served is not served or served.health.readiness is not READY or self._settings.max_calls_per_caller:
            request.served = None
            return False
        try:
            self._tokens.check(request.headers.get(b"authorization"))
            served.dispatcher.expect_room()
        except HttpError:
            request.served = None
            return False
        served.begin(request)
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
            self._front.handle(request, reply, request.handler)
        except Exception as error:
            reply(self._errors.response_to(request, error))

    def answered(self, request: Request, response: Response) -> None:
        """Count and log an answer that is sent."""
        self._release(request)
        seconds = time.monotonic() - request.started
        trace_id = ""
        if self._traces is not None:
            trace_id = self._traces.answered(request, response, seconds)
        elif b"traceparent" in request.headers:
            trace_id = trace_id_of(request.headers[b"traceparent"])
        self._metrics.answered(request.route, response.status, seconds, trace_id)
        if seconds > self._settings.slow_call_s and request.takes_body:
            self._tell_slow(request, response, seconds)
        if self._settings.access_log:
            facts = {
                "method": request.method,
                "path": request.path,
                "status": response.status,
                "ms": round(seconds * 1e3, 2),
                "caller": self._proxies.caller(request),
            }
            log.info("%s %s %d %.1f ms id=%s", request.method, ascii(request.path)[1:-1], response.status,
                     seconds * 1e3, request.id, extra={"facts": {**facts, "request_id": request.id}})  # fmt: skip

    def _tell_slow(self, request: Request, response: Response, seconds: float) -> None:
        waited = (request.asked or request.started + seconds) - request.started
        facts = {"request_id": request.id, "route": request.route, "status": response.status}
        log.warning(
            "slow: %s took %.3g s, %.3g s of them until the model was asked, status %d id=%s",
            request.route, seconds, waited, response.status, request.id,
            extra={"facts": {**facts, "ms": round(seconds * 1e3), "waited_ms": round(waited * 1e3)}},
        )  # fmt: skip

    def _asked(self, jobs: Sequence[Job], now: float) -> None:
        for job in jobs:
            job.origin.asked = now
        self._metrics.called(jobs, now)

    def forget(self, request: Request) -> None:
        """Drop a request that nobody waits for any more."""
        self._release(request)
        if request.cancel is not None:
            request.cancel()
            request.cancel = None

    def _release(self, request: Request) -> None:
        """Give back what a request has; doing so again does no harm."""
        self._budget.release(request)
        self._callers.end(request)
        served, request.served = request.served, None
        if served is not None:
            served.end()

    def tick(self) -> None:
        """Look after calls that wait, after a model that hangs, and after files that may have changed.

        See `Dispatcher.look` and `Metrics.hand_over`.
        """
        for served in (self._served, *self._retired):
            served.dispatcher.look()
        if self._retired:
            self._retired = [served for served in self._retired if not served.is_gone]
        self.health.readiness = self.hangs.look(self.health.readiness, self.dispatcher)
        self.watches.look()
        self._metrics.hand_over()

    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late."""
        self._metrics.loop_was_late(seconds)

    def stop(self) -> Response:
        """Report by ``/readyz`` that the server stops; return the answer for requests that are not finished in time."""
        self.health.readiness = STOPPING if self.health.readiness.status != "hanging" else self.health.readiness
        return error_response(_unavailable("stopping", "the server stopped before the model answered"))

    def close(self) -> None:
        """Send what is left of the traces, and end what was started."""
        self._unpacker.close()
        if self._traces is not None:
            self._traces.close()

    # Routes

    def _route(self, request: Request) -> Route:
        table = self._served.table
        methods = table.by_target.get(request.target) or table.by_path.get(self._proxies.path(request))
        if self._front.cors.is_preflight(request):
            return Route("OPTIONS", request.path, self._front.cors.answer, public=True)
        route = methods.get(request.method) if methods else None
        if route is None or not route.public:
            self._tokens.check(request.headers.get(b"authorization"))
        if route is not None:
            return route
        path = request.path
        if methods:
            allow = ", ".join(sorted(methods))
            message = f"{path} does not answer {request.method[:20]}"
            raise HttpError(405, "method-not-allowed", message, known=sorted(methods), headers={"allow": allow})
        if request.method == "POST" and "/" not in path[1:]:
            raise unknown_method(path[1:], self.model.methods)
        raise HttpError(404, "not-found", f"there is no {path[:200]}", known=sorted(table.by_path))

    def _admit_call(self, request: Request, route: Route) -> None:
        if self.health.readiness.status in ("loading", "failed", "hanging"):
            raise _unavailable("not-ready", self.health.readiness.reason)
        headers = request.headers
        request.media_type = content_type(headers, route.media_types)
        if b"content-encoding" in headers:
            request.coding = coding_of(headers[b"content-encoding"])
        if b"x-request-timeout" in headers:
            request.timeout_s = timeout_of(headers[b"x-request-timeout"])
        length = request.check_length(self._settings.max_body_bytes)
        self.dispatcher.expect_room()
        self._budget.check(length)
        self._callers.begin(request, by_token=bool(self._tokens))
        self._served.begin(request)

    def refused(self, error: HttpError) -> Response:
        """Count a refusal, and return the answer."""
        return self._errors.refused(error)


def _unavailable(code: str, reason: str) -> HttpError:
    return HttpError(503, code, reason, headers={"retry-after": "1"})
