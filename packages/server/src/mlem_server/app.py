"""`App`: from a request to its answer. Routes are looked up in a dictionary, every error becomes a JSON answer."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mlem.interface import Interface
from mlem.model import Model
from mlem.wire import ARROW, NPY
from mlem_server.http.application import Application
from mlem_server.http.auth import Tokens
from mlem_server.http.content_type import FILES, content_type
from mlem_server.http.errors import HttpError, overloaded
from mlem_server.http.request import ALWAYS_BYTES, Request
from mlem_server.http.response import HTML, Response, error_response, json_response, to_json
from mlem_server.inference.dispatch import Dispatcher
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.failures import Failures
from mlem_server.inference.hangs import HangWatch
from mlem_server.inference.limits import Limits
from mlem_server.inference.readiness import LOADING, READY, STOPPING, Readiness
from mlem_server.inference.unpacker import Unpacker
from mlem_server.pages.docs import DOCS_HEADERS, docs_page
from mlem_server.pages.home import page_files
from mlem_server.pages.openapi import openapi
from mlem_server.process.file_watch import Watches
from mlem_server.protocols.calls import Calls, unknown_method
from mlem_server.protocols.kserve import KServe
from mlem_server.protocols.kserve_binary import OCTETS
from mlem_server.settings import Settings
from mlem_server.telemetry.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from mlem_server.telemetry.traces import Traces

log = logging.getLogger("mlem.server")

Reply = Callable[[Response], None]
Handler = Callable[[Request, Reply], None]
Shape = Callable[[Response], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path and an HTTP method.

    Attributes:
        name: What metrics call it.
        handler: Answers the request.
        public: Whether it answers without a token.
        calls: Whether it calls the model, and so takes a body.
        more: Media types of bodies that it takes beside those that all calls take.
    """

    name: str
    handler: Handler
    public: bool = False
    calls: bool = False
    more: Collection[str] = ()


class App(Application):
    """The application.

    Args:
        model: The metadata of the model that is served.
        name: The model's name, for people.
        settings: Limits and tokens.
        version: The server's version.

    Attributes:
        model: The same.
        readiness: Whether the model may be asked.
        dispatcher: Where calls meet the model.
        watches: Files that are read again when they change.
        hangs: Notices a model that hangs.
    """

    def __init__(self, model: Model, name: str, settings: Settings, version: str) -> None:
        self.model = model
        self.readiness: Readiness = LOADING
        self._settings = settings
        self._tokens, self.watches = Tokens(settings.tokens, settings.token_file), Watches()
        self.watches.add(self._tokens.watch())
        self._metrics = Metrics(name, model.digest, [*model.methods, "invocations", "infer"])
        self._traces: Traces | None = None
        if settings.traces:
            from mlem_server.telemetry.traces import Traces  # late: it takes a while, and most servers send none

            self._traces = Traces(name, model.digest)
        self.dispatcher = Dispatcher(settings.max_queue, settings.max_batch_rows, self._metrics.called, settings.request_timeout_s)
        self.hangs = HangWatch(settings.request_timeout_s, settings.hang_bound_s, self._metrics)
        self._failures = Failures(self._metrics, hide_model_errors=settings.hide_model_errors)
        self._reserved_bytes = 0
        self._unpacker = Unpacker(settings.max_decoded_bytes, settings.request_timeout_s)
        limits = Limits(settings.max_decoded_bytes, self._unpacker.arrow, self._unpacker.parquet)
        self._endpoints = {
            method_name: Endpoint(method_name, method, strict=settings.strict, limits=limits)
            for method_name, method in model.methods.items()
        }
        self._routes = self._make_routes(name, version)
        # by what callers send most: the path of each route as it is, without decoding it
        self._by_target = {path.encode(): methods for path, methods in self._routes.items() if path.isascii() and "%" not in path}

    def _make_routes(self, name: str, version: str) -> dict[str, dict[str, Route]]:
        secured = bool(self._tokens)
        spoken = {form for endpoint in self._endpoints.values() for form in (*endpoint.formats, *endpoint.answer_formats)}
        formats = [form for form in (NPY, ARROW) if form in spoken]
        interface = Interface.of(self.model, name, formats).to_json()
        document = openapi(
            interface, name, version, {key: (one.formats, one.answer_formats) for key, one in self._endpoints.items()}, secured=secured
        )
        kserve = KServe(name, version, self.model, self._endpoints)
        calls = Calls(self.model, interface, self._endpoints, self.dispatcher, self._metrics, self._failures, self.reserve)
        routes = {
            **{path: _get(_constant(response), public=True) for path, response in page_files().items()},
            "/docs": _get(_constant(Response(200, docs_page(document, interface, secured=secured), HTML, DOCS_HEADERS))),
            "/openapi.json": _get(_constant(json_response(document))),
            "/interface.json": _get(_constant(json_response(interface))),
            "/healthz": _get(_constant(json_response({"status": "alive"})), public=True),
            "/readyz": _get(self._readyz, public=True),
            "/metrics": _get(lambda _request, reply: reply(Response(200, self._metrics.text(), CONTENT_TYPE))),
            "/ping": _get(self._readyz, public=True),
            "/invocations": {"POST": Route("invocations", calls.invocations, calls=True, more=(*FILES, *spoken))},
        }
        for path, document in kserve.documents().items():
            routes[path] = _get(_constant(json_response(document)))
        routes["/v2/health/live"] = _get(_constant(json_response({"live": True})), public=True)
        routes["/v2/health/ready"] = routes[f"{kserve.path}/ready"] = _get(self._readyz, public=True)
        routes[f"{kserve.path}/infer"] = {"POST": Route("infer", partial(calls.infer, kserve), calls=True, more=(OCTETS,))}
        for method_name, endpoint in self._endpoints.items():
            # a method may be called docs or ping: GET stays ours, POST is the model's
            route = Route(method_name, partial(calls.call, endpoint), calls=True, more=endpoint.formats)
            routes.setdefault(f"/{method_name}", {})["POST"] = route
        return routes

    async def load(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread, then answer calls.

        Args:
            load: Returns the model.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``readiness``.
        """
        started = time.monotonic()
        # the model and its packages stay until the end: looking through them again and again would delay the start, and pause calls
        gc.disable()
        try:
            await self.dispatcher.load(load)
        except Exception as error:
            self.readiness = Readiness("failed", str(error))
            raise
        finally:
            gc.freeze()
            gc.enable()
        self._metrics.loaded(time.monotonic() - started)
        self.hangs.on_look()  # before the first call: from now on signs of life are expected
        if self.readiness is LOADING:
            self.readiness = READY

    # What connections ask for

    def admit(self, request: Request) -> Response | None:
        """Look at the head of a request; return its refusal, None when its body may come."""
        try:
            route = self._route(request)
            request.route, request.handler, request.takes_body = route.name, route.handler, route.calls
            if route.calls:
                self._admit_call(request, route)
        except HttpError as error:
            return self.refused(error)
        return None

    def reserve(self, request: Request, size_bytes: int) -> bool:
        """Take room for what has come of a body.

        Returns:
            Whether there was room; a body alone always has it.
        """
        more = size_bytes - request.reserved_bytes
        if self._reserved_bytes + more > self._settings.max_bodies_bytes and self._reserved_bytes > request.reserved_bytes:
            return False
        self._reserved_bytes += more
        request.reserved_bytes = size_bytes
        return True

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer a request that was admitted.

        Args:
            request: The request, with its body.
            reply: Called with the answer, now or later, on the event loop.
        """
        if request.handler is None:
            raise AssertionError("only what was admitted gets here")
        try:
            request.handler(request, reply)
        except Exception as error:
            reply(self._failures.of(request, error))

    def answered(self, request: Request, response: Response) -> None:
        """Count and log an answer that is sent."""
        self._release(request)
        seconds = time.monotonic() - request.started
        self._metrics.answered(request.route, response.status, seconds)
        if self._traces is not None:
            self._traces.answered(request, response, seconds)
        if self._settings.access_log:
            facts = {"method": request.method, "path": request.path, "status": response.status, "ms": round(seconds * 1e3, 2)}
            log.info("%s %s %d %.1f ms id=%s", request.method, ascii(request.path)[1:-1], response.status, seconds * 1e3, request.id,
                     extra={"facts": {**facts, "request_id": request.id}})  # fmt: skip

    def forget(self, request: Request) -> None:
        """Drop a request that nobody waits for any more."""
        self._release(request)
        if request.cancel is not None:
            request.cancel()
            request.cancel = None

    def connected(self, count: int) -> None:
        """Note how many connections there are: who has the only one need not wait for others."""
        self.dispatcher.alone = count == 1

    def tick(self) -> None:
        """Look after calls that wait, after a model that hangs, and after files that may have changed; see `Dispatcher.look`."""
        self.dispatcher.look()
        self.readiness = self.hangs.look(self.readiness, self.dispatcher)
        self.watches.look()

    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late."""
        self._metrics.loop_was_late(seconds)

    def stop(self) -> Response:
        """Say by ``/readyz`` that the server stops; return the answer to what takes longer than that may take."""
        self.readiness = STOPPING if self.readiness.status != "hanging" else self.readiness
        return error_response(_unavailable("stopping", "the server stopped before the model answered"))

    def close(self) -> None:
        """Send what is left of the traces, and end what was started."""
        self._unpacker.close()
        if self._traces is not None:
            self._traces.close()

    # Routes

    def _route(self, request: Request) -> Route:
        methods = self._by_target.get(request.target) or self._routes.get(request.path)
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
        raise HttpError(404, "not-found", f"there is no {path[:200]}", known=sorted(self._routes))

    def _admit_call(self, request: Request, route: Route) -> None:
        if self.readiness.status in ("loading", "failed", "hanging"):
            raise _unavailable("not-ready", self.readiness.reason)
        request.media_type = content_type(request.headers, route.more)
        length = request.check_length(self._settings.max_body_bytes)
        self.dispatcher.expect_room()
        if length > ALWAYS_BYTES and self._reserved_bytes and self._reserved_bytes + length > self._settings.max_bodies_bytes:
            raise overloaded()  # as it will be: who is told now need not send it

    def _release(self, request: Request) -> None:
        self._reserved_bytes -= request.reserved_bytes
        request.reserved_bytes = 0

    def _readyz(self, request: Request, reply: Reply) -> None:
        body = {"status": self.readiness.status, "model": self.model.digest}
        if self.readiness is READY:
            reply(json_response(body))
        else:
            reply(Response(503, to_json({**body, "reason": self.readiness.reason}), headers={"retry-after": "1"}))

    def refused(self, error: HttpError) -> Response:
        """Count a refusal, and return the answer."""
        return self._failures.refused(error)


def _get(handler: Handler, *, public: bool = False) -> dict[str, Route]:
    route = Route("", handler, public)
    return {"GET": route, "HEAD": route}


def _constant(response: Response) -> Handler:
    return lambda _request, reply: reply(response)


def _unavailable(code: str, reason: str) -> HttpError:
    return HttpError(503, code, reason, headers={"retry-after": "1"})
