"""`Endpoint`: one method of the model as it is called over the wire, for one caller or for several at once."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mlem_model.data.column_names import by_names
from mlem_model.data.formats.binary import JSON, dump, formats_of, load, written_as
from mlem_model.data.types.any import DataType, UnspecifiedType, infer
from mlem_model.data.types.notes import collecting
from mlem_model.data.types.stopping import StoppedError
from mlem_model.errors import DataError, MlemError
from mlem_model.models.calling import finished, is_awaited, is_complete
from mlem_model.models.calls.answer_headers import NOTES_HEADER, TYPE_HEADER, notes_header
from mlem_model.models.calls.answering import encode_answer, is_on_record, type_header, type_of_header
from mlem_model.models.model import Argument, Method
from mlem_server.decoding.json_decoder import Values, compiled, compiled_value, expect_json, parse_json
from mlem_server.decoding.limits import NO_LIMITS, Limits
from mlem_server.decoding.slices import Slices
from mlem_server.decoding.threads import LARGE_BYTES
from mlem_server.http.errors import HttpError, refusal
from mlem_server.http.negotiation import preferred
from mlem_server.http.response import Response, to_json
from mlem_server.inference.answer_writer import AnswerWriter
from mlem_server.inference.errors import ModelFailedError
from mlem_server.inference.model_errors import failure
from mlem_server.inference.streaming import Form, Items, gathered, gathered_later

log = logging.getLogger("mlem.server")

TOLD = 20
"""At most this many types of answers that are not on record are logged, each once."""
_NONE: Mapping[str, str] = {}


@dataclass(slots=True, eq=False)
class Call:
    """One call of a method, decoded.

    Attributes:
        endpoint: Whose.
        values: Values by argument name.
        answer_as: Media type of the answer.
        rows: How many rows its only argument has, where it may be joined with other calls; otherwise None.
        notes: Notes about the caller's data; see `mlem_model.data.types.notes`.
        form: How an answer that comes item by item is written; None where it is sent as a whole.
    """

    endpoint: Endpoint
    values: Values
    answer_as: str = JSON
    rows: int | None = None
    notes: list[str] = field(default_factory=list)
    form: Form | None = None

    def ask(self, model: Any) -> Any:
        """Ask the model; see `Endpoint.answer`."""
        return self.endpoint.answer(model, self)


class Endpoint:
    """One method of the model.

    Args:
        name: The method's public name.
        method: Its signature.
        limits: What a body may become.
        strict: Whether data is refused that fits only when part of it is left out: an unknown column, a category
            never seen.

    Attributes:
        name: The same.
        method: The same.
        limits: The same.
        argument: The only argument that is required, which a bare or binary body is for; None where there are several.
        formats: Media types that its bodies may have besides JSON.
        answer_formats: Media types that its answers may have besides JSON.
    """

    def __init__(self, name: str, method: Method, *, strict: bool = False, limits: Limits = NO_LIMITS) -> None:
        self.name = name
        self.method = method
        self._strict = strict
        self.limits = limits
        self._told: set[str] = set()
        self._untyped = frozenset(
            argument.name for argument in method.args if isinstance(argument.data_type, UnspecifiedType)
        )
        required = [argument for argument in method.args if argument.required]
        self.argument: Argument | None = required[0] if len(required) == 1 else None
        self.formats = formats_of(self.argument.data_type) if self.argument else ()
        self.answer_formats = formats_of(method.returns)
        self._compiled = compiled(method)
        self._writer = AnswerWriter(method.returns)
        alone = method.args[0] if len(method.args) == 1 and self.argument is not None else None
        self._slices = (
            Slices(alone, compiled_value(alone.data_type)) if alone is not None and alone.data_type.in_rows else None
        )
        self._joins = method.rowwise and self.argument is not None and len(method.args) == 1

    def call(self, body: bytes | bytearray, media_type: str, accept: bytes = b"") -> Call:
        """Decode and check a body.

        Args:
            body: The whole body.
            media_type: JSON, or one of ``formats``.
            accept: The request's header of this name.

        Raises:
            StoppedError: Nobody waits for it any more; see `mlem_model.data.types.stopping`.
            HttpError: 400 not JSON; 422 with the path, what was expected and what was there.
        """
        if media_type == JSON:
            sliced = self.call_sliced(body, accept)
            if sliced is not None:
                return sliced
            expect_json(body)
            values = self._compiled(body)
            if values is None:
                return self.call_with(self.parse(body), accept)
            return self._call(values, accept)
        if self.argument is None or media_type not in self.formats:
            raise HttpError(
                415, "bad-content-type", f"{self.name} does not take {media_type}", known=[JSON, *self.formats]
            )
        return self._guarded(lambda: self._binary(body, media_type), accept)

    def parse(self, body: bytes | bytearray) -> Any:
        """Parse a body of JSON without decoding it at the same time.

        Raises:
            HttpError: 400 not JSON; 413 too many values.
        """
        if len(body) > LARGE_BYTES:
            self.limits.check_text(body, b",", b"[{")
        return parse_json(body)

    def call_sliced(self, body: bytes | bytearray, accept: bytes, *, bare: bool = False) -> Call | None:
        """Decode a large body of rows; None when it is small, or something else.

        See `mlem_server.decoding.slices` and `call`.
        """
        slices, argument = self._slices, self.argument
        if len(body) <= LARGE_BYTES or slices is None or argument is None:
            return None
        call = self._guarded(lambda: {argument.name: slices.decode(body, bare=bare)}, accept)
        return call if call.values[argument.name] is not None else None

    def call_with(self, payload: Any, accept: bytes = b"") -> Call:
        """Check and decode parsed JSON, ``{argument: value}``; see `call`."""
        return self._guarded(lambda: self.method.decode_args(payload), accept)

    def call_by(self, decode: Callable[[], Values], accept: bytes = b"") -> Call:
        """Return the call that a function decodes; its errors become refusals; see `call`."""
        return self._guarded(decode, accept)

    def call_of(self, values: Values, accept: bytes = b"") -> Call:
        """Return the call for values that are decoded and checked."""
        return self._call(values, accept)

    def _binary(self, body: bytes | bytearray, media_type: str) -> Values:
        if self.argument is None:
            raise AssertionError("the caller has looked")
        writable = body if isinstance(body, bytearray) else bytearray(body)  # models may write into their input
        return {
            self.argument.name: load(
                self.argument.data_type, writable, media_type, self.argument.name, read=self.limits.read_arrow
            )
        }

    def _guarded(self, decode: Any, accept: bytes) -> Call:
        try:
            with collecting(strict=self._strict) as notes:
                call = self._call(decode(), accept)
            call.notes = notes.lines
            return call
        except StoppedError:
            raise
        except MlemError as error:
            raise refusal(error) from error
        except RecursionError as error:
            raise HttpError(400, "bad-json", "the JSON is nested too deeply") from error
        except Exception as error:
            # values that a data type did not foresee are still the caller's fault; the log has the details
            log.warning("the data of a call of %s could not be decoded", self.name, exc_info=True)
            raise HttpError(
                422, "bad-data", f"the data does not fit the signature of {self.name}", hint="see /interface.json"
            ) from error

    def _call(self, values: Values, accept: bytes) -> Call:
        rows = None
        if self._joins and self.argument is not None and values[self.argument.name] is not None:
            rows = self.argument.data_type.rows(values[self.argument.name]) or None
        return Call(self, values, self._answer_as(accept), rows)

    def _answer_as(self, accept: bytes) -> str:
        if self.answer_formats and accept and accept != b"*/*":
            return preferred(accept, (JSON, *self.answer_formats), JSON)
        return JSON

    def answer(self, model: Any, call: Call) -> Response | Items | Coroutine[Any, Any, Response | Items]:
        """Call the method of the model for one caller.

        Args:
            model: The loaded object.
            call: What `call` returned.

        Returns:
            The answer; a coroutine that returns it; or its items, where it comes one by one and the
            caller accepts that.

        Raises:
            ModelRefusedError: The model raised an error about the data.
            ModelFailedError: It raised another error, or returned something that its signature does not have.
        """
        try:
            return self._now_or_later(call, self._asked(model, call))
        except (ModelFailedError, HttpError):
            raise
        except Exception as error:
            raise ModelFailedError(self.name) from error

    def answer_whole(self, model: Any, call: Call) -> Response:
        """Call the method of the model, and wait for all of its answer; see `answer`.

        For the model's thread, before it serves.
        """
        try:
            return self._response(call, finished(self._asked(model, call)))
        except (ModelFailedError, HttpError):
            raise
        except Exception as error:
            raise ModelFailedError(self.name) from error

    def _asked(self, model: Any, call: Call) -> Any:
        values = self._in_order(model, call.values) if self._untyped else call.values
        try:
            return self.method.begin(model, values)
        except Exception as error:
            raise failure(self.name, error, call.values) from error

    @contextmanager
    def _blaming(self, call: Call) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise failure(self.name, error, call.values) from error

    def _now_or_later(self, call: Call, value: Any) -> Response | Items | Coroutine[Any, Any, Response | Items]:
        if is_complete(value):
            return self._response(call, value)
        if is_awaited(value):
            return self._later(call, value)
        if call.form is not None:
            return Items(self.name, value, call.form, self.method.returns, call.values, call.notes)
        if isinstance(value, AsyncIterator):
            return self._later(call, gathered_later(value, self.name))
        with self._blaming(call):
            items = gathered(value, self.name)
        return self._response(call, items)

    async def _later(self, call: Call, awaited: Awaitable[Any]) -> Response | Items:
        with self._blaming(call):
            value = await awaited
        try:
            found = self._now_or_later(call, value)
            return await found if isinstance(found, Coroutine) else found
        except ModelFailedError:
            raise
        except Exception as error:
            raise ModelFailedError(self.name) from error

    def _in_order(self, model: Any, values: Values) -> Values:
        """Give a model that was saved without a sample its columns in the order in which it learned them."""
        try:
            return {
                name: by_names(model, value, name) if name in self._untyped else value for name, value in values.items()
            }
        except DataError as error:
            raise refusal(error) from error

    def answers(self, model: Any, calls: Sequence[Call]) -> list[Response]:
        """Call the method of the model once for several callers, and give each its rows of the answer, in their order.

        Args:
            model: The loaded object.
            calls: Calls that may be joined.

        Raises:
            Exception: Whatever the model raised, or that the answer has another number of rows: then each caller has to
                be answered alone.
        """
        if self.argument is None:
            raise AssertionError("only calls that may be joined get here")
        name, takes, returns = self.argument.name, self.argument.data_type, self.method.returns
        value = self.method.begin(model, {name: takes.join([call.values[name] for call in calls])})
        if not is_complete(value):
            self._joins = False  # callers whose calls are awaited run together anyway
            getattr(value, "close", lambda: None)()
            raise ModelFailedError(self.name)
        counts = [call.rows or 0 for call in calls]
        if returns.rows(value) != sum(counts):
            raise ModelFailedError(self.name)
        encoded, own = encode_answer(returns, value) if any(call.answer_as == JSON for call in calls) else ([], returns)
        if own is not returns or not is_on_record(returns, value):
            raise ModelFailedError(self.name)  # answered alone, each gets an answer of its own type
        responses, start = [], 0
        for call, count in zip(calls, counts, strict=True):
            stop = start + count
            if call.answer_as == JSON:
                responses.append(Response(200, to_json(encoded[start:stop]), headers=_headers(call)))
            else:
                responses.append(self._binary_answer(call, returns, returns.accept(returns.part(value, start, stop))))
            start = stop
        return responses

    def _response(self, call: Call, value: Any) -> Response:
        """Write an answer as its recorded type, or as its own type."""
        returns = self.method.returns
        if call.answer_as == JSON:
            text, own = self._writer.write(value)
            return Response(200, text, headers=self._headers_of(call, own))
        try:
            if not is_on_record(returns, value):
                raise DataError("the answer", "the recorded type", "another one")
            with collecting(strict=True):
                return self._binary_answer(call, returns, returns.accept(value))
        except DataError:
            own = infer(value, "the answer")
        if call.answer_as not in formats_of(own):
            return Response(200, to_json(own.encode(value)), headers=self._headers_of(call, own))
        return self._binary_answer(call, own, own.accept(value))

    def _headers_of(self, call: Call, own: DataType) -> Mapping[str, str]:
        if own is self.method.returns:
            return _headers(call)
        named = type_header(own)
        unknown = isinstance(self.method.returns, UnspecifiedType)  # no type is recorded
        if not unknown and named not in self._told and len(self._told) < TOLD:
            self._told.add(named)
            log.warning(
                "%s gave an answer that is not of the recorded type; callers get its own type: %s",
                self.name,
                named[:500],
            )
        return {**_headers(call), TYPE_HEADER: named}

    def _binary_answer(self, call: Call, data_type: DataType, value: Any) -> Response:
        media_type = written_as(data_type, call.answer_as)
        return Response(200, dump(data_type, value, media_type), media_type.encode(), self._headers_of(call, data_type))


def type_of_answer(endpoint: Endpoint, response: Response) -> DataType:
    """Return the type of the JSON of an answer: the recorded one, or the one that its header names."""
    return type_of_header(response.headers.get(TYPE_HEADER)) or (
        UnspecifiedType() if TYPE_HEADER in response.headers else endpoint.method.returns
    )


def _headers(call: Call) -> Mapping[str, str]:
    return {NOTES_HEADER: notes_header(call.notes)} if call.notes else _NONE
