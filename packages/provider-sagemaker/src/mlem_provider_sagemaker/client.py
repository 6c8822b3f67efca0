"""`SagemakerClient`: calls a model through SageMaker's runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from mlem.client import Client
from mlem.clients.answers import check
from mlem.errors import PlatformError

if TYPE_CHECKING:
    from mlem.interface import Interface
    from mlem_provider_sagemaker.aws import Account

_JSON = "application/json"
_MODEL = "model="


class SagemakerClient(Client):
    """Calls a model on an endpoint; credentials come from AWS's own chain."""

    type: ClassVar[str] = "sagemaker"

    endpoint_name: str = Field(description="name of the endpoint")
    region: str | None = Field(default=None, description="AWS region (default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's)")
    profile: str | None = Field(default=None, description="profile of ~/.aws/config (default: AWS_PROFILE, or the chain without one)")

    _expected: str | None = PrivateAttr(default=None)

    def expect(self, interface: Interface) -> None:
        """Take an interface that is known already, and accept answers of its model only: the gate must not hear another one."""
        self._interface = interface
        self._expected = interface.digest

    def fetch_interface(self) -> Interface:
        """Ask the server in the endpoint for its interface.

        Raises:
            MlemError: See `mlem.clients.answers` and `mlem_provider_sagemaker.errors`.
        """
        from mlem.interface import Interface

        return Interface.parse(self._ask(b"{}", "mlem=interface"), self._where)

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Call a method with encoded arguments.

        Raises:
            MlemError: See `mlem.clients.answers` and `mlem_provider_sagemaker.errors`.
        """
        return self._ask(json.dumps(payload, separators=(",", ":")).encode(), f"method={method}")

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._account.close()

    @property
    def _where(self) -> str:
        return f"the endpoint {self.endpoint_name}"

    @property
    def _account(self) -> Account:
        from mlem_provider_sagemaker.aws import connect

        return connect(self.profile, self.region)

    def _ask(self, body: bytes, attributes: str) -> Any:
        answer, said = self._account.invoke(self.endpoint_name, body, attributes, _JSON, _JSON)
        found = check(answer, self._where)
        if self._expected is not None and said.startswith(_MODEL) and said.removeprefix(_MODEL) != self._expected:
            raise PlatformError(
                f"{self._where} answers for model {said.removeprefix(_MODEL)}, not for {self._expected}", code="other-model"
            )
        return found
