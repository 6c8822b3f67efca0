"""Our own protocol: ``POST /METHOD`` with the arguments as the body, and descriptions of the model and the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mlem_model.data.formats.binary import ARROW
from mlem_server.decoding.known_arrow import at_once
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import json_response
from mlem_server.http.routes import Route, when_asked
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService, takes_long
from mlem_server.inference.streaming import form_of


class Native:
    """The protocol for one model.

    Args:
        service: Has the model answer calls.
        interface: Returns what ``/interface.json`` has.
        health: Whether the model may be asked.
    """

    def __init__(self, service: CallService, interface: Callable[[], Mapping[str, Any]], health: Health) -> None:
        self._service = service
        self._interface = interface
        self._health = health

    def routes(self) -> tuple[Route, ...]:
        """Return the protocol's table."""
        return (
            Route("GET", "/interface.json", when_asked(lambda: json_response(self._interface()))),
            Route("GET", "/readyz", self._health.ready, public=True),
            *(
                Route(
                    "POST",
                    f"/{name}",
                    partial(self.call, endpoint),
                    name=name,
                    calls=True,
                    media_types=endpoint.formats,
                )
                for name, endpoint in self._service.endpoints.items()
            ),
        )

    def call(self, endpoint: Endpoint, request: Request, reply: Reply) -> None:
        """Call a method, with its arguments as the body."""
        accept = request.headers.get(b"accept", b"")
        call = _at_once(endpoint, request, accept)
        if call is not None:
            self._ask(call, accept, request, reply)
        elif takes_long(request):

            def decode() -> Call:
                return endpoint.call(request.body, request.media_type, accept)

            self._service.decode(decode, request, reply, lambda call: self._ask(call, accept, request, reply))
        else:
            self._ask(endpoint.call(request.body, request.media_type, accept), accept, request, reply)

    def _ask(self, call: Call, accept: bytes, request: Request, reply: Reply) -> None:
        if call.endpoint.method.streams:
            call.form = form_of(accept)
        self._service.submit(call, request, reply)


def _at_once(endpoint: Endpoint, request: Request, accept: bytes) -> Call | None:
    """Return the call of a stream of Arrow that needs no thread."""
    if request.media_type != ARROW or endpoint.argument is None or ARROW not in endpoint.formats:
        return None
    value = at_once(endpoint.argument, request.body, endpoint.limits)
    return None if value is None else endpoint.call_of({endpoint.argument.name: value}, accept)
