"""Heroku as an env."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from mlem import Env
from mlem.provider import Translation, Unit
from mlem_image import EngineAddress
from mlem_provider_heroku.api.limits import API_URL, REGISTRY


class HerokuEnv(Env):
    """Heroku, with the team that apps belong to.

    The API key is not a field: it comes from HEROKU_API_KEY, else ~/.netrc as `heroku login` writes it.
    """

    type: ClassVar[str] = "heroku"
    deployment_type: ClassVar[str] = "heroku"
    secret_variables: ClassVar[tuple[str, ...]] = ("HEROKU_API_KEY",)

    team: str | None = Field(
        default=None, min_length=1, description="team that owns the apps (default: your personal apps)"
    )
    engine: EngineAddress = Field(
        default=EngineAddress(), description="the Docker Engine that builds the images, with --builder engine"
    )
    registry: str = Field(default=REGISTRY, description="registry that Heroku takes images from")
    api_url: str = Field(default=API_URL, description="address of Heroku's Platform API")
    app_address: str | None = Field(
        default=None,
        description="where apps answer, with {app_name} for the name: https://{app_name}.example.com "
        "(default: what Heroku says)",
    )
    timeout_s: Annotated[float, Field(gt=0, le=600), Unit("s")] = Field(
        default=40.0, description="how long one call of the API may take, without its repeats"
    )

    @field_validator("api_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.username or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            # over plain HTTP anybody on the way could read the key
            raise ValueError(
                'expected an https:// URL without credentials (http:// on this machine only), like "https://api.heroku.com"'
            )
        return url.rstrip("/")

    @field_validator("app_address")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        if address is not None and ("{app_name}" not in address or "://" not in address):
            raise ValueError('expected a URL with {app_name} in it, like "https://{app_name}.example.com"')
        return address

    def preflight(self) -> Mapping[str, Callable[[], str]]:
        """See `Env.preflight`: Heroku knows the API key, and takes calls."""
        from mlem_provider_heroku.api.platform import connect

        return {"API key": lambda: connect(self).describe()}

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: a key is left out, and not repeated."""
        from mlem_provider_heroku.legacy import translate_env

        return translate_env(fields)
