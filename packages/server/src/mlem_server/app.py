"""`App`: from a request to its answer. Routes are looked up in a dictionary, every error becomes a JSON answer."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from mlem.errors import MlemError
from mlem.interface import Interface
from mlem.model import Method, Model
from mlem.validation import did_you_mean
from mlem.wire import ARROW, NPY
from mlem_server.auth import check_token
from mlem_server.codec import parse_json
from mlem_server.content import FILES, content_type
from mlem_server.dispatch import Dispatcher, Outcome, StepsOf, overloaded
from mlem_server.docs import DOCS_HEADERS, docs_page
from mlem_server.endpoint import Call, Endpoint
from mlem_server.errors import HttpError, ModelFailedError, refusal
from mlem_server.hangs import HangWatch
from mlem_server.kserve import KServe
from mlem_server.kserve_binary import HEADER, OCTETS
from mlem_server.metrics import CONTENT_TYPE, Metrics
from mlem_server.model_errors import ModelRefusedError
from mlem_server.openapi import openapi
from mlem_server.page import page_files
from mlem_server.readiness import LOADING, READY, STOPPING, Readiness
from mlem_server.request import Request
from mlem_server.responses import HTML, Response, error_response, json_response, to_json
from mlem_server.sagemaker import answer_as_file, answer_headers, call_of, method_of, question_of
from mlem_server.settings import Settings
from mlem_server.streaming import Items, Stream, form_of

if TYPE_CHECKING:
    from mlem_server.traces import Traces

log = logging.getLogger("mlem.server")

Reply = Callable[[Response], None]
Handler = Callable[[Request, Reply], None]
Shape = Callable[[Response], Response]

BODIES_AT_ONCE = 8
"""So many of the largest bodies may be in memory together."""


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


class App:
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
        hangs: Notices a model that hangs.
    """

    def __init__(self, model: Model, name: str, settings: Settings, version: str) -> None:
        self.model = model
        self.readiness: Readiness = LOADING
        self._settings = settings
        self._metrics = Metrics(name, model.digest, [*model.methods, "invocations", "infer"])
        self._traces: Traces | None = None
        if settings.traces:
            from mlem_server.traces import Traces  # late: it takes a while, and most servers send none

            self._traces = Traces(name, model.digest)
        self.dispatcher = Dispatcher(settings.max_queue, settings.max_batch_rows, self._metrics.called, settings.request_timeout_s)
        self.hangs = HangWatch(settings.request_timeout_s, settings.hang_bound_s, self._metrics)
        self._reserved_bytes = 0
        self._endpoints = {
            method_name: Endpoint(method_name, method, strict=settings.strict) for method_name, method in model.methods.items()
        }
        self._routes = self._make_routes(name, version)
        # by what callers send most: the path of each route as it is, without decoding it
        self._by_target = {path.encode(): methods for path, methods in self._routes.items() if path.isascii() and "%" not in path}

    def _make_routes(self, name: str, version: str) -> dict[str, dict[str, Route]]:
        secured = bool(self._settings.tokens)
        spoken = {form for endpoint in self._endpoints.values() for form in (*endpoint.formats, *endpoint.answer_formats)}
        formats = [form for form in (NPY, ARROW) if form in spoken]
        interface = self._interface = Interface.of(self.model, name, formats).to_json()
        document = openapi(
            interface, name, version, {key: (one.formats, one.answer_formats) for key, one in self._endpoints.items()}, secured=secured
        )
        kserve = KServe(name, version, self.model, self._endpoints)
        routes = {
            **{path: _get(_constant(response), public=True) for path, response in page_files().items()},
            "/docs": _get(_constant(Response(200, docs_page(document, interface, secured=secured), HTML, DOCS_HEADERS))),
            "/openapi.json": _get(_constant(json_response(document))),
            "/interface.json": _get(_constant(json_response(interface))),
            "/healthz": _get(_constant(json_response({"status": "alive"})), public=True),
            "/readyz": _get(self._readyz, public=True),
            "/metrics": _get(lambda _request, reply: reply(Response(200, self._metrics.text(), CONTENT_TYPE))),
            "/ping": _get(self._readyz, public=True),
            "/invocations": {"POST": Route("invocations", self._invocations, calls=True, more=(*FILES, *spoken))},
        }
        for path, document in kserve.documents().items():
            routes[path] = _get(_constant(json_response(document)))
        routes["/v2/health/live"] = _get(_constant(json_response({"live": True})), public=True)
        routes["/v2/health/ready"] = routes[f"{kserve.path}/ready"] = _get(self._readyz, public=True)
        routes[f"{kserve.path}/infer"] = {"POST": Route("infer", partial(self._infer, kserve), calls=True, more=(OCTETS,))}
        for method_name, endpoint in self._endpoints.items():
            # a method may be called docs or ping: GET stays ours, POST is the model's
            route = Route(method_name, partial(self._call, endpoint), calls=True, more=endpoint.formats)
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
            request.route, request.handler = route.name, route.handler
            if route.calls:
                self._admit_call(request, route)
        except HttpError as error:
            return self._refused(error)
        return None

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
            reply(self._failed(request, error))

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

    def look(self) -> None:
        """Look after calls that wait, and after a model that hangs; see `Dispatcher.look`."""
        self.dispatcher.look()
        self.readiness = self.hangs.look(self.readiness, self.dispatcher)

    def stop(self) -> Response:
        """Say by ``/readyz`` that the server stops; return the answer to what takes longer than that may take."""
        self.readiness = STOPPING if self.readiness.status != "hanging" else self.readiness
        return error_response(_unavailable("stopping", "the server stopped before the model answered"))

    def close(self) -> None:
        """Send what is left of the traces."""
        if self._traces is not None:
            self._traces.close()

    # Routes

    def _route(self, request: Request) -> Route:
        methods = self._by_target.get(request.target) or self._routes.get(request.path)
        route = methods.get(request.method) if methods else None
        if route is None or not route.public:
            check_token(request.headers.get(b"authorization"), self._settings.tokens)
        if route is not None:
            return route
        path = request.path
        if methods:
            allow = ", ".join(sorted(methods))
            message = f"{path} does not answer {request.method[:20]}"
            raise HttpError(405, "method-not-allowed", message, known=sorted(methods), headers={"allow": allow})
        if request.method == "POST" and "/" not in path[1:]:
            raise _unknown_method(path[1:], self.model.methods)
        raise HttpError(404, "not-found", f"there is no {path[:200]}", known=sorted(self._routes))

    def _admit_call(self, request: Request, route: Route) -> None:
        if self.readiness.status in ("loading", "failed", "hanging"):
            raise _unavailable("not-ready", self.readiness.reason)
        request.media_type = content_type(request.headers, route.more)
        request.check_length(self._settings.max_body_bytes)
        self.dispatcher.expect_room()
        # a chunked body reserves the whole limit, because nobody knows its size
        length = request.content_length
        reserved = self._settings.max_body_bytes if length is None else length
        if self._reserved_bytes and self._reserved_bytes + reserved > BODIES_AT_ONCE * self._settings.max_body_bytes:
            raise overloaded()
        self._reserved_bytes += reserved
        request.reserved_bytes = reserved

    def _release(self, request: Request) -> None:
        self._reserved_bytes -= request.reserved_bytes
        request.reserved_bytes = 0

    def _readyz(self, request: Request, reply: Reply) -> None:
        body = {"status": self.readiness.status, "model": self.model.digest}
        if self.readiness is READY:
            reply(json_response(body))
        else:
            reply(Response(503, to_json({**body, "reason": self.readiness.reason}), headers={"retry-after": "1"}))

    def _call(self, endpoint: Endpoint, request: Request, reply: Reply) -> None:
        accept = request.headers.get(b"accept", b"")
        call = endpoint.call(request.body, request.media_type, accept)
        if endpoint.method.streams:
            call.form = form_of(accept)
        self._dispatch(call, request, reply)

    def _invocations(self, request: Request, reply: Reply) -> None:
        headers = answer_headers(self.model.digest)
        question = question_of(request.headers)
        if question == "interface":
            reply(json_response(self._interface, headers=headers))
        elif question == "calls":
            self._calls(request, lambda response: reply(replace(response, headers={**response.headers, **headers})))
        else:
            endpoint = self._endpoint(method_of(request.headers, self.model.methods))

            def shape(response: Response) -> Response:
                found = answer_as_file(endpoint, request, response)
                return replace(found, headers={**found.headers, **headers})

            self._dispatch(call_of(endpoint, request), request, reply, shape)

    def _calls(self, request: Request, reply: Reply) -> None:
        """Call several methods, one after the other; the first that fails is the answer."""
        payload = parse_json(request.body)
        if not isinstance(payload, dict):
            raise HttpError(422, "bad-data", "body: expected an object with the arguments of each method")
        calls = [self._endpoint(name).call_with(arguments) for name, arguments in payload.items()]
        answers: dict[str, Any] = {}

        def next_one(response: Response | None = None) -> None:
            if response is not None:
                if response.status != 200:
                    reply(response)
                    return
                answers[calls[len(answers)].endpoint.name] = msgspec.Raw(response.body)
            if len(answers) == len(calls):
                reply(json_response(answers))
                return
            try:
                self._dispatch(calls[len(answers)], request, next_one)
            except HttpError as error:  # the queue is full by now
                reply(self._refused(error))

        next_one()

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self._endpoints:
            raise _unknown_method(name, self.model.methods)
        return self._endpoints[name]

    def _infer(self, kserve: KServe, request: Request, reply: Reply) -> None:
        try:
            inference = kserve.inference(request.body, request.headers.get(HEADER.encode()))
            self._dispatch(inference.call, request, reply, partial(kserve.answer, inference))
        except HttpError as error:
            reply(kserve.refusal(self._refused(error)))

    def _dispatch(self, call: Call, request: Request, reply: Reply, shape: Shape | None = None) -> None:
        """Give a call to the model; its answer gets another shape where a protocol has one."""

        def ended() -> None:
            self._metrics.ended()
            request.cancel = None

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Items):
                stream = Stream(StepsOf(self.dispatcher, request), outcome, partial(self._failed, request), ended)
                request.cancel = stream.close
                request.ends_early = lambda: True
                stream.begin(reply)
                return
            ended()
            response = outcome if isinstance(outcome, Response) else self._failed(request, outcome)
            if shape is not None:
                try:
                    response = shape(response)
                except Exception as error:  # a defect of ours: the callers of the same batch must not notice
                    response = self._failed(request, error)
            reply(response)

        job = self.dispatcher.submit(call, done, request)
        self._metrics.began()

        def cancel() -> None:
            job.cancel()
            self._metrics.ended()

        request.cancel = cancel
        request.ends_early = lambda: job.stop is not None

    # Errors

    def _refused(self, error: HttpError) -> Response:
        self._metrics.rejected(error.code)
        return error_response(error)

    def _failed(self, request: Request, error: BaseException) -> Response:
        """Turn what was raised into an answer; the log gets what a caller must not see."""
        if isinstance(error, MlemError):
            return self._refused(refusal(error))
        if isinstance(error, ModelRefusedError):
            log.warning("request %s: %s refused the data", request.id, error, exc_info=error.__cause__)
            return self._refused(error.refusal(request.id, hidden=self._settings.hide_model_errors))
        if isinstance(error, ModelFailedError):
            log.error("request %s: %s failed", request.id, error, exc_info=error.__cause__)
            code, message = "model-failed", "the model failed on this data; the server's log has the reason"
        else:  # a defect of ours
            log.error("request %s: a defect of the server", request.id, exc_info=error)
            code, message = "defect", "the server failed; its log has the reason"
        details = {"request_id": request.id}
        return error_response(HttpError(500, code, f"{message} under the request's id {request.id}", details=details))


def _get(handler: Handler, *, public: bool = False) -> dict[str, Route]:
    route = Route("", handler, public)
    return {"GET": route, "HEAD": route}


def _constant(response: Response) -> Handler:
    return lambda _request, reply: reply(response)


def _unavailable(code: str, reason: str) -> HttpError:
    return HttpError(503, code, reason, headers={"retry-after": "1"})


def _unknown_method(name: str, methods: Mapping[str, Method]) -> HttpError:
    known = sorted(methods)
    return HttpError(404, "unknown-method", f'the model has no method "{name[:100]}"', hint=did_you_mean(name[:100], known), known=known)
