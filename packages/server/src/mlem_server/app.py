"""The ASGI application: routes are looked up in a dictionary, every error becomes a JSON answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlem.errors import MlemError
from mlem.interface import Interface
from mlem.model import Method, Model
from mlem.validation import did_you_mean
from mlem_server import formats
from mlem_server.auth import check_token
from mlem_server.bodies import Bodies
from mlem_server.calls import Call, decode_call, parse_json
from mlem_server.dispatch import Dispatcher, overloaded
from mlem_server.docs import docs_page
from mlem_server.errors import HttpError, ModelFailedError, refusal
from mlem_server.openapi import openapi
from mlem_server.readiness import LOADING, READY, Readiness
from mlem_server.request import DisconnectedError, Receive, Request, Scope, Send
from mlem_server.responses import HTML, JSON, Response, error_response, json_response, to_json
from mlem_server.sagemaker import answer_headers, arguments_of, method_of, question_of
from mlem_server.settings import Settings

log = logging.getLogger("mlem.server")

Handler = Callable[[Request], Awaitable[Response]]

LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path and an HTTP method.

    Attributes:
        handler: Answers the request.
        public: Whether it answers without a token.
    """

    handler: Handler
    public: bool = False


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
        cut_off: Requests that were not answered when the time for stopping was over.
    """

    def __init__(self, model: Model, name: str, settings: Settings, version: str) -> None:
        self.model = model
        self.readiness: Readiness = LOADING
        self.cut_off = 0
        self.dispatcher = Dispatcher(settings.max_queue)
        self._bodies = Bodies(settings.max_body_bytes, settings.request_timeout_s)
        self._settings = settings
        interface = Interface.of(model, name).to_json()
        self._interface = json_response(interface, headers=answer_headers(model.digest))
        document = openapi(interface, name, version, secured=bool(settings.tokens))
        self._routes: dict[str, dict[str, Route]] = {
            "/": _get(_constant(Response(307, b"", HTML, {"location": "/docs"}))),
            "/docs": _get(_constant(Response(200, docs_page(document, interface, secured=bool(settings.tokens)), HTML))),
            "/openapi.json": _get(_constant(json_response(document))),
            "/interface.json": _get(_constant(json_response(interface))),
            "/healthz": _get(_constant(json_response({"status": "alive"})), public=True),
            "/readyz": _get(self._readyz, public=True),
            "/ping": _get(self._readyz, public=True),
            "/invocations": {"POST": Route(self._invocations)},
        }
        for method_name, method in model.methods.items():
            # a method may be called docs or ping: GET stays ours, POST is the model's
            self._routes.setdefault(f"/{method_name}", {})["POST"] = Route(partial(self._call, method_name, method))

    async def load(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread, then answer calls.

        Args:
            load: Returns the model.

        Raises:
            MlemError: What ``load`` raised; the reason is in ``readiness``.
        """
        try:
            await self.dispatcher.load(load)
        except Exception as error:
            self.readiness = Readiness("failed", str(error))
            raise
        if self.readiness is LOADING:
            self.readiness = READY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Source: ASGI specification 3.0, https://asgi.readthedocs.io/en/latest/specs/main.html."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except DisconnectedError:
            return
        await self._send(request, response, send)
        if self._settings.access_log:
            duration_ms = (time.perf_counter() - started) * 1e3
            log.info("%s %s %d %.1f ms id=%s", request.method, ascii(request.path)[1:-1], response.status, duration_ms, request.id)

    async def _respond(self, request: Request) -> Response:
        try:
            route = self._route(request)
            return await route.handler(request)
        except HttpError as error:
            return error_response(error)
        except MlemError as error:
            return error_response(refusal(error))
        except asyncio.CancelledError:  # the time for stopping is over
            self.cut_off += 1
            return error_response(_unavailable("stopping", "the server stopped before the model answered"))
        except ModelFailedError as error:
            log.error("request %s: %s failed", request.id, error, exc_info=error.__cause__)
            message = f"the model failed on this data; the server's log has the reason under the request's id {request.id}"
            return error_response(HttpError(500, "model-failed", message, details={"request_id": request.id}))
        except DisconnectedError:
            raise
        except Exception as error:  # a defect of ours: the caller gets an answer, the log gets the traceback
            log.error("request %s: a defect of the server", request.id, exc_info=error)
            message = f"the server failed; its log has the reason under the request's id {request.id}"
            return error_response(HttpError(500, "defect", message, details={"request_id": request.id}))

    def _route(self, request: Request) -> Route:
        methods = self._routes.get(request.path)
        route = methods.get(request.method) if methods else None
        if route is None or not route.public:
            check_token(request.headers.get(b"authorization"), self._settings.tokens)
        if route is not None:
            return route
        if methods:
            allow = ", ".join(sorted(methods))
            message = f"{request.path} does not answer {request.method[:20]}"
            raise HttpError(405, "method-not-allowed", message, known=sorted(methods), headers={"allow": allow})
        if request.method == "POST":
            raise _unknown_method(request.path[1:], self.model.methods)
        raise HttpError(404, "not-found", f"there is no {request.path[:200]}", known=sorted(self._routes))

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        headers = response.raw_headers(request.id)
        length = request.content_length
        # the rest of a small body is skipped by the HTTP layer, and the connection lives on
        linger = request.unread and (length is None or length > self._settings.max_body_bytes)
        if linger:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if linger:
            await send({"type": "http.response.body", "body": response.body, "more_body": True})
            await request.drain(self._settings.max_body_bytes, LINGER_S)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": response.body})

    async def _readyz(self, request: Request) -> Response:
        body = {"status": self.readiness.status, "model": self.model.digest}
        if self.readiness is READY:
            return json_response(body)
        headers = {"retry-after": "1"}
        return Response(503, to_json({**body, "reason": self.readiness.reason}), headers=headers)

    async def _call(self, name: str, method: Method, request: Request) -> Response:
        return await self._answer(name, method, await self._payload(request))

    async def _invocations(self, request: Request) -> Response:
        question = question_of(request.headers)
        if question == "interface":
            return self._interface
        headers = answer_headers(self.model.digest)
        if question == "calls":
            return json_response(await self._answers(await self._payload(request)), headers=headers)
        name = method_of(request.headers, self.model.methods)
        method = self._method(name)
        kind = formats.kind_of(request.headers)
        if kind is None:
            call = decode_call(name, method, arguments_of(await self._payload(request), method))
        else:
            call = formats.decode(name, method, await self._body(request), kind)
        answer = await self._dispatch(call)
        content, media_type = formats.encode(answer, method, request.headers) or (to_json(answer), JSON)
        return Response(200, content, media_type, headers)

    async def _answers(self, payload: Any) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise HttpError(422, "bad-data", "body: expected an object with the arguments of each method")
        calls = [decode_call(name, self._method(name), arguments) for name, arguments in payload.items()]
        return {call.name: await self._dispatch(call) for call in calls}

    def _method(self, name: str) -> Method:
        method = self.model.methods.get(name)
        if method is None:
            raise _unknown_method(name, self.model.methods)
        return method

    async def _payload(self, request: Request) -> Any:
        return parse_json(await self._body(request, json=True))

    async def _body(self, request: Request, *, json: bool = False) -> bytes:
        if self.readiness.status in ("loading", "failed"):
            raise _unavailable("not-ready", self.readiness.reason)
        if json:
            request.check_json()
        request.check_length(self._settings.max_body_bytes)
        if self.dispatcher.full:
            raise overloaded()
        return await self._bodies.read(request)

    async def _answer(self, name: str, method: Method, payload: Any) -> Response:
        return json_response(await self._dispatch(decode_call(name, method, payload)))

    async def _dispatch(self, call: Call) -> Any:
        return await self.dispatcher.dispatch(call, self._settings.request_timeout_s)


def _get(handler: Handler, *, public: bool = False) -> dict[str, Route]:
    route = Route(handler, public)
    return {"GET": route, "HEAD": route}


def _constant(response: Response) -> Handler:
    async def handler(request: Request) -> Response:
        return response

    return handler


def _unavailable(code: str, reason: str) -> HttpError:
    return HttpError(503, code, reason, headers={"retry-after": "1"})


def _unknown_method(name: str, methods: Mapping[str, Method]) -> HttpError:
    known = sorted(methods)
    return HttpError(404, "unknown-method", f'the model has no method "{name[:100]}"', hint=did_you_mean(name[:100], known), known=known)
