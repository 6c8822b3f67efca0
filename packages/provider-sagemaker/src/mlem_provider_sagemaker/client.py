"""`SagemakerClient`: calls a model through SageMaker's runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from mlem import Client, PlatformError, UserError
from mlem.provider import check_response, parse_data, serialize_data

if TYPE_CHECKING:
    from mlem import Interface
    from mlem_provider_sagemaker.api.aws import Account

_JSON = "application/json"
_MEDIA_TYPES = {"npy": "application/x-npy", "parquet": "application/x-parquet"}
_MODEL = "model="


class SagemakerClient(Client):
    """Calls a model on an endpoint; credentials come from AWS's own chain."""

    type: ClassVar[str] = "sagemaker"

    endpoint_name: str = Field(description="name of the endpoint")
    region: str | None = Field(
        default=None, description="AWS region (default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's)"
    )
    profile: str | None = Field(
        default=None, description="profile of ~/.aws/config (default: AWS_PROFILE, or the chain without one)"
    )

    wire_format: Literal["json", "npy", "parquet"] = Field(
        default="json",
        description="how the only argument of a method is sent, if its type has the format: "
        "npy for arrays, parquet for frames",
    )

    _expected: str | None = PrivateAttr(default=None)

    def expect(self, interface: Interface) -> None:
        """Take an interface that is known already, and accept only answers of its model.

        The gate must not get the answer of another model.
        """
        self._interface = interface
        self._expected = interface.digest

    def fetch_interface(self) -> Interface:
        """Ask the server in the endpoint for its interface.

        Raises:
            MlemError: See `mlem.provider.check_response` and `mlem_provider_sagemaker.api.errors`.
        """
        from mlem import Interface

        return Interface.parse(self._ask(b"{}", "mlem=interface"), self._where)

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Call a method with encoded arguments.

        Raises:
            MlemError: See `mlem.provider.check_response` and `mlem_provider_sagemaker.api.errors`.
        """
        return self._ask(_encoded(payload), f"method={method}")

    def call_all(self, payloads: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Call several methods with encoded arguments, by one request; see `Client.call_all`."""
        if len(payloads) == 1:
            return super().call_all(payloads)
        answers: Mapping[str, Any] = self._ask(_encoded(payloads), "mlem=calls")
        return answers

    def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method; see `Client.call`.

        An array or a frame is sent in binary form where ``wire_format`` says so and its type allows it.
        """
        if self.wire_format == "json" or method not in self.interface.methods:
            return super().call(method, *args, **kwargs)
        described = self.interface.methods[method]
        payload = self.interface.bind(method, args, kwargs)  # refuses what does not fit, before anything is sent
        required = [argument for argument in described.args if argument.required]
        if len(required) != 1 or payload.keys() != {required[0].name}:
            return super().call(method, *args, **kwargs)
        value = args[0] if args else next(iter(kwargs.values()))
        try:
            body = serialize_data(value, required[0].data_type, self.wire_format)
        except UserError:
            return super().call(method, *args, **kwargs)
        media_type = _MEDIA_TYPES[self.wire_format]
        answer, said = self._account.invoke(
            self.endpoint_name, body, f"method={method}", media_type, f"{media_type}, {_JSON}"
        )
        if answer.status == 200 and answer.content_type == media_type:
            self._expect(said)
            return parse_data(bytes(answer.body), self.wire_format, "answer", described.returns)
        found = check_response(answer, self._where)
        self._expect(said)
        return described.returns.decode(found, path="answer")

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._account.close("sagemaker-runtime")

    @property
    def _where(self) -> str:
        return f"the endpoint {self.endpoint_name}"

    @property
    def _account(self) -> Account:
        from mlem_provider_sagemaker.api.aws import connect

        return connect(self.profile, self.region)

    def _ask(self, body: bytes, attributes: str) -> Any:
        answer, said = self._account.invoke(self.endpoint_name, body, attributes, _JSON, _JSON)
        found = check_response(answer, self._where)
        self._expect(said)
        return found

    def _expect(self, said: str) -> None:
        if self._expected is not None and said.startswith(_MODEL) and said.removeprefix(_MODEL) != self._expected:
            raise PlatformError(
                f"{self._where} answers for model {said.removeprefix(_MODEL)}, not for {self._expected}",
                code="other-model",
            )


def _encoded(payload: Any) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()
