"""SageMaker's protocol: ``POST /invocations`` with the arguments, or with the bare value of the only argument.

SageMaker lets nothing else through, so the custom attributes ``mlem=interface`` ask for what `/interface.json` has,
``mlem=calls`` calls several methods in one request, and each answer names in its custom attributes the model that gave
it.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How Your Container Should
Respond to Inference Requests"; the custom attributes:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, "CustomAttributes".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from mlem_model.data.formats.binary import JSON
from mlem_model.models.calls.inputs import arguments_of
from mlem_model.models.method_choice import default_method
from mlem_server.decoding.json_decoder import parse_json
from mlem_server.http.content_type import FILES
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response, json_response
from mlem_server.http.routes import Route
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.files import answer_as_file, call_of_file

ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"


class SageMaker:
    """The protocol for one model.

    Args:
        service: Has the model answer calls.
        interface: Returns what ``mlem=interface`` asks for.
        health: Whether the model may be asked.
        digest: The model's digest.
        formats: Binary formats that some method takes or answers in.
    """

    def __init__(
        self,
        service: CallService,
        interface: Callable[[], Mapping[str, Any]],
        health: Health,
        digest: str,
        formats: Collection[str],
    ) -> None:
        self._service = service
        self._interface = interface
        self._health = health
        self._headers = answer_headers(digest)
        self._media_types = (*FILES, *formats)

    def routes(self) -> tuple[Route, ...]:
        """Return the protocol's table."""
        return (
            Route("GET", "/ping", self._health.ready, public=True),
            Route(
                "POST", "/invocations", self.invocations, name="invocations", calls=True, media_types=self._media_types
            ),
        )

    def invocations(self, request: Request, reply: Reply) -> None:
        """Call a method, or answer what the custom attributes ask for instead."""
        question = question_of(request.headers)
        if question == "interface":
            reply(json_response(self._interface(), headers=self._headers))
        elif question == "calls":
            self._calls(request, lambda response: reply(self._signed(response)))
        else:
            endpoint = self._service.endpoint(method_of(request.headers, self._service.endpoints))

            def shape(response: Response) -> Response:
                return self._signed(answer_as_file(endpoint, request, response))

            def ask(call: Call) -> None:
                self._service.submit(call, request, reply, shape)

            self._service.decode(partial(call_of, endpoint, request), request, reply, ask)

    def _signed(self, response: Response) -> Response:
        return replace(response, headers={**response.headers, **self._headers})

    def _calls(self, request: Request, reply: Reply) -> None:
        """Call several methods, one after the other; the first that fails is the answer."""

        def decode() -> list[Call]:
            payload = parse_json(request.body)
            if not isinstance(payload, dict):
                raise HttpError(422, "bad-data", "body: expected an object with the arguments of each method")
            return [self._service.endpoint(name).call_with(arguments) for name, arguments in payload.items()]

        self._service.decode(decode, request, reply, lambda calls: self._one_by_one(calls, request, reply))

    def _one_by_one(self, calls: Sequence[Call], request: Request, reply: Reply) -> None:
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
                self._service.submit(calls[len(answers)], request, next_one)
            except HttpError as error:  # the queue has filled up in the meantime
                reply(self._service.errors.refused(error))

        next_one()


def method_of(headers: Mapping[bytes, bytes], methods: Collection[str]) -> str:
    """Return the name of the method that an invocation is for.

    Args:
        headers: The request's headers; ``method=NAME`` in the custom attributes names it. Other attributes, separated
            by commas or semicolons, are the caller's own.
        methods: The names of the model's methods.

    Returns:
        The named method, or that of `default_method`.
    """
    named = _attribute(headers, "method")
    return default_method(methods) if named is None else named


def question_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return what an invocation asks for instead of a method's answer: ``interface``, ``calls``.

    None when it calls a method.
    """
    return _attribute(headers, "mlem")


def answer_headers(digest: str) -> dict[str, str]:
    """Return the headers of an answer: which model gave it."""
    return {ATTRIBUTES_HEADER.decode(): f"model={digest}"}


def _attribute(headers: Mapping[bytes, bytes], name: str) -> str | None:
    attributes = headers.get(ATTRIBUTES_HEADER, b"").decode("latin-1")
    for attribute in re.split(r"[,;]", attributes):
        key, _, value = attribute.partition("=")
        if key.strip() == name:
            return value.strip()
    return None


def call_of(endpoint: Endpoint, request: Request) -> Call:
    """Decode an invocation.

    Args:
        endpoint: The method that it is for.
        request: Its body is JSON, binary, or a file's content; CSV has a row of names or not.

    Raises:
        HttpError: See `Endpoint.call` and `call_of_file`.
    """
    if request.media_type in FILES:
        return call_of_file(endpoint, request)
    accept = request.headers.get(b"accept", b"")
    if request.media_type == JSON:
        sliced = endpoint.call_sliced(request.body, accept, bare=True)
        if sliced is not None:
            return sliced
        return endpoint.call_with(arguments_of(endpoint.parse(request.body), endpoint.method), accept)
    return endpoint.call(request.body, request.media_type, accept)
