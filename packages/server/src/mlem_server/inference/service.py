"""`CallService`: what all protocols do with a call: decode its body, call the model, and shape the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from mlem_model.data.formats.binary import NPY, is_plain_npy
from mlem_model.objects.validation import did_you_mean
from mlem_server.decoding.threads import LARGE_BYTES, QUICK, DecodingThreads
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.errors import HttpError, overloaded
from mlem_server.http.request import Reply, Request, never
from mlem_server.http.response import Response
from mlem_server.inference.decoded_size import size_of
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.dispatching.jobs import Outcome
from mlem_server.inference.dispatching.steps import StepsOf
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.inference.streaming import Items, Stream
from mlem_server.telemetry.model_numbers import ModelNumbers

Shape = Callable[[Response], Response]


class CallService:
    """Gets calls answered by the model.

    Args:
        endpoints: The methods of the model, by name.
        dispatcher: Where calls meet the model.
        numbers: Where they are counted.
        errors: Gives the answer where something fails.
        budget: The memory for bodies.
        threads: Where large bodies are decoded.

    Attributes:
        endpoints: The same.
        errors: The same.
        look: Called with each call that is given to the model.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        dispatcher: Dispatcher,
        numbers: ModelNumbers,
        errors: ErrorMapping,
        budget: BodyBudget,
        threads: DecodingThreads,
    ) -> None:
        self.endpoints = endpoints
        self.errors = errors
        self._dispatcher = dispatcher
        self._numbers = numbers
        self._budget = budget
        self._decoding = threads
        self.look: Callable[[Call], None] | None = None

    def endpoint(self, name: str) -> Endpoint:
        """Return a method of the model.

        Raises:
            HttpError: 404.
        """
        if name not in self.endpoints:
            raise unknown_method(name, self.endpoints)
        return self.endpoints[name]

    def decode(self, decode: Callable[[], Any], request: Request, reply: Reply, then: Callable[[Any], None]) -> None:
        """Decode a body, a large one outside of the event loop; then continue with the result.

        Args:
            decode: Decodes it: to a call, to several, or to what has a call.
            request: Whose body it is.
            reply: Called with the error where a body outside of the loop can't be decoded; otherwise it is raised.
            then: Called with what ``decode`` returned.
        """
        if not takes_long(request):
            then(decode())
            return

        def decoded(outcome: Any) -> None:
            request.cancel = None
            request.body = b""  # its memory is not needed any more
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                # the decoded data waits for the model as its body did, and may be larger
                if not self._budget.reserve(request, max(request.reserved_bytes, size_of(outcome))):
                    raise overloaded()
                then(outcome)
            except Exception as error:
                reply(self.errors.response_to(request, error))

        request.cancel = self._decoding.submit(decode, decoded).cancel

    def submit(self, call: Call, request: Request, reply: Reply, shape: Shape | None = None) -> None:
        """Give a call to the model.

        Args:
            call: The call.
            request: Where it is from.
            reply: Called with the answer.
            shape: Gives the answer another shape, where a protocol needs one.

        Raises:
            HttpError: 503 when there is no room for it.
        """

        def ended() -> None:
            self._numbers.ended()
            _forget_work(request)

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Items):
                stream = Stream(
                    StepsOf(self._dispatcher, request), outcome, partial(self.errors.response_to, request), ended
                )
                request.cancel = stream.close
                request.ends_early = lambda: True
                stream.begin(reply)
                return
            ended()
            response = outcome if isinstance(outcome, Response) else self.errors.response_to(request, outcome)
            if shape is not None and len(response.body) > LARGE_BYTES:
                request.cancel = self._decoding.submit(lambda: shape(response), shaped).cancel
                return
            if shape is not None:
                try:
                    response = shape(response)
                except Exception as error:  # a defect of ours: the other callers of the batch must not notice
                    response = self.errors.response_to(request, error)
            reply(response)

        def shaped(outcome: Response | Exception) -> None:
            request.cancel = None
            reply(outcome if isinstance(outcome, Response) else self.errors.response_to(request, outcome))

        job = self._dispatcher.submit(call, done, request)
        if self.look is not None:
            self.look(call)
        self._numbers.began()

        def cancel() -> None:
            job.cancel()
            self._numbers.ended()
            _forget_work(request)

        request.cancel = cancel
        request.ends_early = lambda: job.stop is not None


def _forget_work(request: Request) -> None:
    """Cut a request off from the work for it, which knows the request: its body is then freed with the answer."""
    request.cancel, request.ends_early = None, never


def takes_long(request: Request) -> bool:
    """Whether its body is not decoded on the event loop."""
    if request.media_type == NPY:
        return len(request.body) > LARGE_BYTES and not is_plain_npy(request.body)
    return len(request.body) > LARGE_BYTES or request.media_type not in QUICK


def unknown_method(name: str, methods: Collection[str]) -> HttpError:
    """Return the refusal of a call of a method that the model does not have."""
    known = sorted(methods)
    return HttpError(
        404,
        "unknown-method",
        f'the model has no method "{name[:100]}"',
        hint=did_you_mean(name[:100], known),
        known=known,
    )
