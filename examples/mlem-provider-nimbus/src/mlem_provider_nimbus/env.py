"""Nimbus as an env."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from mlem import Env
from mlem.provider import Unit
from pydantic import Field, field_validator

TOKEN_VARIABLE = "NIMBUS_TOKEN"


class NimbusEnv(Env):
    """An account of Nimbus. Its token is not a field: it comes from NIMBUS_TOKEN, and reaches no file."""

    type: ClassVar[str] = "nimbus"
    deployment_type: ClassVar[str] = "nimbus_service"
    secret_variables: ClassVar[tuple[str, ...]] = (TOKEN_VARIABLE,)

    url: str = Field(default="https://api.nimbus.example", description="address of Nimbus's API")
    timeout_s: Annotated[float, Field(gt=0, le=600), Unit("s")] = Field(
        default=20.0, description="how long one call of the API may take, without its repeats"
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        here = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.username or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
            raise ValueError("expected an https:// address without credentials; http:// on this machine only")
        return url.rstrip("/")

    def preflight(self) -> Mapping[str, Callable[[], str]]:
        """See `Env.preflight`: Nimbus knows the token."""
        from mlem_provider_nimbus.api import Nimbus

        return {"token": lambda: f"{self.url} knows it, as {Nimbus.of(self).account()}"}
