"""`Client`: calls the methods of a running deployment. A provider subclasses it where a platform has a protocol of its own."""

from __future__ import annotations

import contextlib
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import PrivateAttr

from mlem.errors import DataError, MlemError, PlatformError, UserError
from mlem.objects import MlemObject
from mlem.validation import did_you_mean

if TYPE_CHECKING:
    from mlem.interface import Interface


class UnknownMethodError(UserError, AttributeError):
    """The model has no such method; an `AttributeError` too, so that ``hasattr`` and ``getattr`` work on a client."""

    default_code = "unknown-method"


class Client(MlemObject, ABC):
    """Calls a deployed model: ``client.predict(X)``, or ``client.call("predict", X)``.

    The model's methods are attributes, with a signature and a docstring. An attribute of the class goes before a method of the
    same name; `call` reaches every method.

    Example::

        with HttpClient(url="http://localhost:8080") as client:
            client.predict([[5.1, 3.5, 1.4, 0.2]])
    """

    object_type: ClassVar[str] = "client"

    _interface: Interface | None = PrivateAttr(default=None)

    @abstractmethod
    def fetch_interface(self) -> Interface:
        """Ask the deployment for its interface; `interface` does so once.

        Raises:
            MlemError: The deployment does not answer, or not as a model's server.
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

    def call_all(self, payloads: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Call several methods with encoded arguments; where a call costs, a client does so by one request.

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
            The method's answer, of the type that the signature says.

        Raises:
            UnknownMethodError: The model has no such method.
            UserError: An argument is missing, unknown or too much.
            DataError: A value does not fit the signature; when this client saw it, nothing was sent.
            PlatformError: The answer does not fit the signature.
            MlemError: The call failed.
        """
        self._check(method)
        payload = self.interface.bind(method, args, kwargs)
        answer = self.call_encoded(method, payload)
        try:
            return self.interface.methods[method].returns.decode(answer, path="answer")
        except DataError as error:
            raise PlatformError(f"{method} answered what its signature does not have: {error.message}", code="bad-answer") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        with contextlib.suppress(MlemError):  # a completion in a shell must not fail because nobody answers
            names |= set(self.methods)
        return sorted(names)

    def __getattr__(self, name: str) -> Any:
        # names with an underscore are asked for by copy, pickle, pydantic and notebooks: never worth a request
        if name.startswith("_") or "_interface" not in (self.__pydantic_private__ or {}):
            return super().__getattr__(name)  # type: ignore[misc]  # pydantic has it out of a checker's sight
        self._check(name)
        return self._method(name)

    def _check(self, method: str) -> None:
        known = sorted(self.interface.methods)
        if method not in known:
            raise UnknownMethodError(f'the model has no method "{method}"', hint=did_you_mean(method, known), known=known)

    def _method(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = functools.partial(self.call, name)
        described = self.interface.methods[name]
        parameters, returns = [], described.returns.type
        for argument in described.args:
            kind = getattr(inspect.Parameter, argument.kind.upper())
            default = inspect.Parameter.empty if argument.required else argument.default
            parameters.append(inspect.Parameter(argument.name, kind, default=default, annotation=argument.data_type.type))
        lines = [f"Call {name} of the deployed model.", "", "Args:"]
        lines += [f"    {parameter.name}: {parameter.annotation}" for parameter in parameters] + ["", "Returns:", f"    {returns}"]
        function.__doc__ = "\n".join(lines)
        function.__name__ = name
        function.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
        return function
