"""`Calls`: requests that the model answers, in each way that callers have: our own, SageMaker's, KServe's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from mlem.model import Method, Model
from mlem.validation import did_you_mean
from mlem.wire import NPY, is_plain_npy
from mlem_server.http.errors import HttpError, overloaded
from mlem_server.http.request import Request
from mlem_server.http.response import Response, json_response
from mlem_server.inference.decoded_size import size_of
from mlem_server.inference.decoding import LARGE_BYTES, QUICK, Decoding
from mlem_server.inference.dispatch import Dispatcher, StepsOf
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.inference.failures import Failures
from mlem_server.inference.jobs import Outcome
from mlem_server.inference.json_decoder import parse_json
from mlem_server.inference.streaming import Items, Stream, form_of
from mlem_server.protocols.kserve import Inference, KServe
from mlem_server.protocols.kserve_binary import HEADER
from mlem_server.protocols.sagemaker import answer_as_file, answer_headers, call_of, method_of, question_of
from mlem_server.telemetry.metrics import Metrics

Reply = Callable[[Response], None]
Shape = Callable[[Response], Response]


class Calls:
    """Decodes calls, has the model answer them, and writes its answers.

    Args:
        model: The metadata of the model.
        interface: What ``/interface.json`` has.
        endpoints: The methods.
        dispatcher: Where calls meet the model.
        metrics: Where they are counted.
        failures: What is answered where something fails.
        reserve: Takes room for so many bytes of a request, those that it has taken included; says whether there was room.
    """

    def __init__(
        self,
        model: Model,
        interface: Any,
        endpoints: Mapping[str, Endpoint],
        dispatcher: Dispatcher,
        metrics: Metrics,
        failures: Failures,
        reserve: Callable[[Request, int], bool],
    ) -> None:
        self._reserve = reserve
        self._model = model
        self._interface = interface
        self._endpoints = endpoints
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._failures = failures
        self._decoding = Decoding()

    def call(self, endpoint: Endpoint, request: Request, reply: Reply) -> None:
        """Call a method, with its arguments as the body."""
        accept = request.headers.get(b"accept", b"")
        if _takes_long(request):

            def decode() -> Call:
                return endpoint.call(request.body, request.media_type, accept)

            self._decode(decode, request, reply, lambda call: self._ask(call, accept, request, reply))
        else:
            self._ask(endpoint.call(request.body, request.media_type, accept), accept, request, reply)

    def _ask(self, call: Call, accept: bytes, request: Request, reply: Reply) -> None:
        if call.endpoint.method.streams:
            call.form = form_of(accept)
        self._dispatch(call, request, reply)

    def _decode(self, decode: Callable[[], Any], request: Request, reply: Reply, then: Callable[[Any], None]) -> None:
        """Decode a body, a large one beside the loop; then go on with what came of it."""
        if not _takes_long(request):
            then(decode())
            return

        def decoded(outcome: Any) -> None:
            request.cancel = None
            request.body = b""  # its memory is of no more use
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                # what it was decoded to waits for the model as its body did, and may be larger
                if not self._reserve(request, max(request.reserved_bytes, size_of(outcome))):
                    raise overloaded()
                then(outcome)
            except Exception as error:
                reply(self._failures.of(request, error))

        request.cancel = self._decoding.submit(decode, decoded).cancel

    def invocations(self, request: Request, reply: Reply) -> None:
        """Answer as SageMaker wants it; see `mlem_server.protocols.sagemaker`."""
        headers = answer_headers(self._model.digest)
        question = question_of(request.headers)
        if question == "interface":
            reply(json_response(self._interface, headers=headers))
        elif question == "calls":
            self._calls(request, lambda response: reply(replace(response, headers={**response.headers, **headers})))
        else:
            endpoint = self._endpoint(method_of(request.headers, self._model.methods))

            def shape(response: Response) -> Response:
                found = answer_as_file(endpoint, request, response)
                return replace(found, headers={**found.headers, **headers})

            self._decode(partial(call_of, endpoint, request), request, reply, lambda call: self._dispatch(call, request, reply, shape))

    def _calls(self, request: Request, reply: Reply) -> None:
        """Call several methods, one after the other; the first that fails is the answer."""

        def decode() -> list[Call]:
            payload = parse_json(request.body)
            if not isinstance(payload, dict):
                raise HttpError(422, "bad-data", "body: expected an object with the arguments of each method")
            return [self._endpoint(name).call_with(arguments) for name, arguments in payload.items()]

        self._decode(decode, request, reply, lambda calls: self._one_by_one(calls, request, reply))

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
                self._dispatch(calls[len(answers)], request, next_one)
            except HttpError as error:  # the queue is full by now
                reply(self._failures.refused(error))

        next_one()

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self._endpoints:
            raise unknown_method(name, self._model.methods)
        return self._endpoints[name]

    def infer(self, kserve: KServe, request: Request, reply: Reply) -> None:
        """Answer as KServe wants it; see `mlem_server.protocols.kserve`."""

        def answer(response: Response) -> None:
            reply(kserve.refusal(response))

        def decode() -> Inference:
            return kserve.inference(request.body, request.headers.get(HEADER.encode()))

        def ask(inference: Inference) -> None:
            self._dispatch(inference.call, request, reply, partial(kserve.answer, inference))

        try:
            self._decode(decode, request, answer, ask)
        except HttpError as error:
            answer(self._failures.refused(error))

    def _dispatch(self, call: Call, request: Request, reply: Reply, shape: Shape | None = None) -> None:
        """Give a call to the model; its answer gets another shape where a protocol has one."""

        def ended() -> None:
            self._metrics.ended()
            request.cancel = None

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Items):
                stream = Stream(StepsOf(self._dispatcher, request), outcome, partial(self._failures.of, request), ended)
                request.cancel = stream.close
                request.ends_early = lambda: True
                stream.begin(reply)
                return
            ended()
            response = outcome if isinstance(outcome, Response) else self._failures.of(request, outcome)
            if shape is not None and len(response.body) > LARGE_BYTES:
                request.cancel = self._decoding.submit(lambda: shape(response), shaped).cancel
                return
            if shape is not None:
                try:
                    response = shape(response)
                except Exception as error:  # a defect of ours: the callers of the same batch must not notice
                    response = self._failures.of(request, error)
            reply(response)

        def shaped(outcome: Response | Exception) -> None:
            request.cancel = None
            reply(outcome if isinstance(outcome, Response) else self._failures.of(request, outcome))

        job = self._dispatcher.submit(call, done, request)
        self._metrics.began()

        def cancel() -> None:
            job.cancel()
            self._metrics.ended()

        request.cancel = cancel
        request.ends_early = lambda: job.stop is not None


def _takes_long(request: Request) -> bool:
    """Whether its body is not decoded on the event loop."""
    if request.media_type == NPY:
        return len(request.body) > LARGE_BYTES and not is_plain_npy(request.body)
    return len(request.body) > LARGE_BYTES or request.media_type not in QUICK


def unknown_method(name: str, methods: Mapping[str, Method]) -> HttpError:
    """Return the refusal of a call of a method that the model has not."""
    known = sorted(methods)
    return HttpError(404, "unknown-method", f'the model has no method "{name[:100]}"', hint=did_you_mean(name[:100], known), known=known)
