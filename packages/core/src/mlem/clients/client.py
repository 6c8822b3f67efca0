"""`Client`: calls the methods of a running deployment.

A provider subclasses it where a platform has a protocol of its own.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pydantic import PrivateAttr, SecretStr, ValidationError

from mlem.clients.connection.own_thread import in_own_thread
from mlem.clients.course import Ask, Course, follow
from mlem.clients.sending import halves_of, in_binary
from mlem.clients.streamed import items
from mlem_model.data.types.index import hand_on_index
from mlem_model.data.types.notes import collecting
from mlem_model.errors import MlemError, UserError
from mlem_model.models.calls.answer_headers import listening
from mlem_model.objects.object import MlemObject, one_line
from mlem_model.objects.validation import did_you_mean, translated
from mlem_model.process_local import ProcessLocal

if TYPE_CHECKING:
    from mlem_model.models.model import Method
    from mlem_model.serving.interface import Interface

_log = logging.getLogger("mlem.client")
ResultT = TypeVar("ResultT")


class UnknownMethodError(UserError, AttributeError):
    """The model has no such method; an `AttributeError` too, so that ``hasattr`` and ``getattr`` work on a client."""

    default_code = "unknown-method"


class Client(MlemObject, ABC):
    """Calls a deployed model: ``client.predict(X)``, or ``client.call("predict", X)``.

    The model's methods are attributes, with a signature and a docstring. An attribute of the class hides a method of
    the same name; `call` reaches every method.

    A client that has been used can be copied, pickled and used after a fork: a subclass keeps its connections in a
    private attribute of the type `mlem.provider.ProcessLocal`.

    Example::

        with HttpClient(url="http://localhost:8080") as client:
            client.predict([[5.1, 3.5, 1.4, 0.2]])
    """

    object_type: ClassVar[str] = "client"

    _interface: Interface | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **fields: Any) -> None:
        """Make a client from its fields.

        Raises:
            DeclarationError: A field is unknown, missing, or has a wrong value.
        """
        name = type(self).__name__
        if args:
            known = list(type(self).model_fields)
            raise UserError(
                f"{name} takes its fields by name", known=known, hint=f"{name}({known[0]}=...)" if known else None
            )
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise translated(type(self), error, name) from None  # the cause would repeat the value, which may be secret

    # read by pydantic: code that reads a file names the file in its errors
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # an attribute of pydantic's own

    def with_options(self, **options: Any) -> Self:
        """Return a client of the same deployment with other values for some fields, and connections of its own.

        Args:
            **options: Values by field.

        Raises:
            UserError: This kind of client has no such field, or it does not accept the value.
        """
        unknown = next((name for name in options if name not in type(self).model_fields), None)
        if unknown is not None:
            known = list(type(self).model_fields)
            raise UserError(f'a client of type {self.type} has no "{unknown}"', code="unknown-option", known=known)
        made = type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | options)
        return self.model_copy(update={name: getattr(made, name) for name in options})

    def __repr__(self) -> str:
        # even of a client that could not be made and has no fields: a debugger shows it
        fields = {name: self.__dict__.get(name) for name, field in type(self).model_fields.items() if not field.exclude}
        shown = {
            name: value for name, value in fields.items() if value is not None and not isinstance(value, SecretStr)
        }
        return one_line(type(self).__name__, *(f"{name}={value!r}" for name, value in shown.items()))

    __str__ = __repr__

    @abstractmethod
    def fetch_interface(self) -> Interface:
        """Ask the deployment for its interface; `interface` does so once.

        Raises:
            MlemError: The deployment does not answer, or is not a model's server.
        """

    @abstractmethod
    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Call a method with encoded arguments.

        Args:
            method: The method's public name.
            payload: Encoded values by argument name.

        Returns:
            The encoded answer.

        Raises:
            MlemError: The call failed.
        """

    def call_stream(self, method: str, payload: Mapping[str, Any]) -> Iterator[Any]:
        """Call a method that answers item by item, with encoded arguments.

        Args:
            method: The method's public name.
            payload: Encoded values by argument name.

        Returns:
            The encoded items, as they arrive; on a platform that sends answers only as a whole, all of them at once.

        Raises:
            MlemError: The call failed.
        """
        answer = self.call_encoded(method, payload)
        return iter(answer if isinstance(answer, list) else [answer])

    def call_binary(self, method: str, body: bytes, media_type: str, accept: str) -> tuple[bytes | bytearray, str]:
        """Call a method with its only argument in a binary format; used only for clients with `formats`.

        Args:
            method: The method's public name.
            body: The argument.
            media_type: One of `formats`.
            accept: Media types that the answer may have.

        Returns:
            The answer and its media type.

        Raises:
            MlemError: The call failed.
        """
        raise NotImplementedError

    @property
    def formats(self) -> tuple[str, ...]:
        """Media types besides JSON that arrays and frames may be sent in; see `mlem_model.data.formats.binary`."""
        return ()

    @property
    def most_answer_bytes(self) -> float:
        """How large an answer in a binary format may be in memory."""
        return math.inf

    def call_all(self, payloads: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Call several methods with encoded arguments; where calls cost, a client does so in one request.

        Args:
            payloads: Encoded values by argument name, by the method's public name.

        Returns:
            The encoded answers by the method's public name.

        Raises:
            MlemError: A call failed.
        """
        return {method: self.call_encoded(method, payload) for method, payload in payloads.items()}

    def close(self) -> None:
        """Release connections; the client may be used again."""
        return

    @property
    def interface(self) -> Interface:
        """The methods, their signatures and sample rows; fetched at the first use."""
        if self._interface is None:
            self._interface = self.fetch_interface()
        return self._interface

    @property
    def methods(self) -> tuple[str, ...]:
        """The public names of the methods."""
        return tuple(self.interface.methods)

    def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method.

        Args:
            method: The method's public name.
            *args: Arguments by position, as the saved object takes them.
            **kwargs: Arguments by name.

        Returns:
            The method's answer, of the type in the signature; for a method that answers item by item an iterator, which
            yields items as they arrive. To leave it before its end, close it.

        Raises:
            UnknownMethodError: The model has no such method.
            UserError: An argument is missing or unknown, or there are too many.
            DataError: A value does not fit the signature; if this client noticed it, nothing was sent.
            PlatformError: The answer does not fit the signature.
            MlemError: The call failed.
        """
        described, answer = follow(
            self._course(method, args, kwargs), lambda need: getattr(self, need.name)(*need.args)
        )
        return items(method, described, answer) if described.streams else answer

    async def call_async(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method without blocking the event loop; see `call`.

        By default it is made in a thread of its own, which goes on when the call is cancelled; a client that can do
        without a thread does.

        Returns:
            The method's answer; for a method that answers item by item an iterator for ``async for``.
        """
        answer = await _in_own_thread(functools.partial(self.call, method, *args, **kwargs))
        return _items_later(answer) if self.interface.methods[method].streams else answer

    def call_in_parts(self, method: str, parts: Iterable[Any]) -> Iterator[Any]:
        """Call a method for parts of one table, and yield each answer: the table may be too large for one request.

        Args:
            method: The public name of a method that answers row by row.
            parts: Values of its only argument.

        Raises:
            UserError: The method's answer to a row depends on other rows.
        """
        self._check(method)
        if not self.interface.methods[method].rowwise:
            raise UserError(f"{method} does not answer row by row: its data can't be sent in parts", code="not-rowwise")
        for part in parts:
            yield self.call(method, part)

    def _course(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Course[tuple[Method, Any]]:
        """Call a method; whoever runs the course sends the requests: each `Ask` names a method of this class.

        Returns the encoded items of a stream.
        """
        if self._interface is None:
            self._interface = yield Ask("fetch_interface")
        self._check(method)
        described = self.interface.methods[method]
        values = described.match(args, kwargs, called=method)
        if described.streams:
            return described, (yield Ask("call_stream", (method, described.encode_args(values))))
        answer = yield from self._whole_or_inhalves_of(method, described, values)
        return described, hand_on_index(next(iter(values.values())), answer) if described.keeps_index and len(
            values
        ) == 1 else answer

    def _whole_or_inhalves_of(self, method: str, described: Method, values: Mapping[str, Any]) -> Course[Any]:
        try:
            return (yield from self._call(method, described, values))
        except UserError as error:
            halves = halves_of(described, values) if error.code == "body-too-large" else None
            if halves is None:
                raise
        # more than the server accepts at once: each row is answered separately, so the answers can be joined
        answers = []
        for half in halves:
            _, answer = yield from self._course(method, (), half)
            answers.append(answer)
        return described.returns.join(answers)

    def _call(self, method: str, described: Method, values: Mapping[str, Any]) -> Course[Any]:
        # late: most programs that import clients never call one
        from mlem.clients.answers import checked, loaded
        from mlem_model.data.formats import binary as wire
        from mlem_model.data.types.any import UnspecifiedType
        from mlem_model.models.calls.answering import type_of_header

        with collecting() as notes, listening() as heard:
            sent = in_binary(described, values, self.formats)
            if sent is None:
                content, answered_as = (yield Ask("call_encoded", (method, described.encode_args(values)))), wire.JSON
            else:
                accept = [form for form in wire.formats_of(described.returns) if form in self.formats]
                accepted = ", ".join([*accept, f"{wire.JSON};q=0.5"])
                content, answered_as = yield Ask("call_binary", (method, sent.body, sent.media_type, accepted))
                content = json.loads(content) if answered_as == wire.JSON else content
        for line in dict.fromkeys((*notes.lines, *heard.notes)):
            _log.warning("%s: %s", method, line)
        returns = described.returns if heard.type is None else type_of_header(heard.type) or UnspecifiedType()
        if answered_as == wire.JSON:
            return checked(method, lambda: returns.decode(content, path="answer"))
        return checked(method, lambda: loaded(method, returns, content, answered_as, self.most_answer_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        """Copy the client without what belongs to this one only, such as connections."""
        copied = super().__copy__()
        for name, value in (self.__pydantic_private__ or {}).items():
            if isinstance(value, ProcessLocal):
                setattr(copied, name, copy.copy(value))
        return copied

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        with contextlib.suppress(MlemError):  # completion in a shell must not fail when nobody answers
            names |= set(self.methods)
        return sorted(names)

    def __getattr__(self, name: str) -> Any:
        # what a call asks for a dozen times, and pydantic looks for in several places
        private = None if name.startswith("__") else self.__pydantic_private__
        if private is not None and name in private:
            return private[name]
        # copy, pickle, pydantic and notebooks ask for names with an underscore: they are never worth a request
        if name.startswith("_") or "_interface" not in (self.__pydantic_private__ or {}):
            return super().__getattr__(name)  # type: ignore[misc]  # pydantic hides it from type checkers
        self._check(name)
        return self._method(name)

    def _check(self, method: str) -> None:
        if method not in self.interface.methods:
            known = sorted(self.interface.methods)
            raise UnknownMethodError(
                f'the model has no method "{method}"', hint=did_you_mean(method, known), known=known
            )

    def _method(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = functools.partial(self.call, name)
        described = self.interface.methods[name]
        parameters, returns = [], described.returns.type
        for argument in described.args:
            kind = getattr(inspect.Parameter, argument.kind.upper())
            default = inspect.Parameter.empty if argument.required else argument.default
            parameters.append(
                inspect.Parameter(argument.name, kind, default=default, annotation=argument.data_type.type)
            )
        lines = [f"Call {name} of the deployed model.", "", "Args:"]
        lines += [f"    {parameter.name}: {parameter.annotation}" for parameter in parameters] + [
            "",
            "Returns:",
            f"    {returns}",
        ]
        function.__doc__ = "\n".join(lines)
        function.__name__ = name
        # read by inspect
        function.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
        return function


async def _items_later(items: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    try:
        while (item := await _in_own_thread(functools.partial(next, items, end))) is not end:
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


async def _in_own_thread(function: Callable[[], ResultT]) -> ResultT:
    import asyncio

    return await asyncio.wrap_future(in_own_thread(function))
