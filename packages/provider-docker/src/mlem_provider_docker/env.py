"""A Docker Engine as an env."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from mlem.env import Env
from mlem.objects import Value

if TYPE_CHECKING:
    from mlem_provider_docker.endpoint import Endpoint

_CONTEXT = "context "


class Registry(Value):
    """A registry that images are pushed to; docker's own configuration and credential helpers have the credentials."""

    host: str = Field(description="registry and, where it has one, the path that comes before image names: registry.example.com/team")

    @field_validator("host")
    @classmethod
    def _without_scheme(cls, host: str) -> str:
        if "://" in host or not host.strip("/"):
            raise ValueError(f'expected a registry without scheme, as in an image\'s name: registry.example.com; got "{host}"')
        return host.strip("/")


class DockerEnv(Env):
    """A Docker Engine, and the registry that its images are pushed to."""

    type: ClassVar[str] = "docker"
    deployment_type: ClassVar[str] = "docker_container"

    host: str | None = Field(
        default=None,
        description="the Engine: unix:///path, tcp://host:2376 or ssh://user@host (default: what the docker command uses)",
    )
    context: str | None = Field(default=None, description="the Engine by the name of a docker context, instead of host")
    cert_path: Path | None = Field(
        default=None, description="folder with ca.pem, cert.pem and key.pem, for TLS with a tcp:// host (default: as the docker command)"
    )
    registry: Registry | None = Field(default=None, description="where images are pushed to (default: nowhere)")

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str, *, prefix: str = "") -> Self:
        """See `MlemObject.from_data`. Accept what MLEM 0.4 wrote: a registry with a type, and the Engine as ``daemon``.

        Raises:
            DeclarationError: A field is unknown, has a wrong value, or no counterpart in this version.
        """
        from mlem_provider_docker.legacy import translate_env

        return super().from_data(translate_env(data, source, prefix), source, prefix=prefix)

    @model_validator(mode="after")
    def _one_address(self) -> DockerEnv:
        if self.host and self.context:
            raise ValueError("host and context name two Engines: give one of them")
        return self

    @property
    def where(self) -> str | None:
        """The declared Engine in one word, for records; None for what the docker command uses."""
        return self.host or (f"{_CONTEXT}{self.context}" if self.context else None)

    def at(self, where: str | None) -> DockerEnv:
        """Return the env with the Engine of a record."""
        if where == self.where:
            return self
        is_context = where is not None and where.startswith(_CONTEXT)
        return self.model_copy(
            update={
                "host": None if is_context else where,
                "context": where.removeprefix(_CONTEXT) if where is not None and is_context else None,
            }
        )

    def endpoint(self) -> Endpoint:
        """Return the Engine's address.

        Raises:
            NotFoundError: The docker context does not exist.
            DeclarationError: The address can't be used.
        """
        from mlem_provider_docker.endpoint import resolve

        return resolve(self.host, self.context, self.cert_path, os.environ, Path.home())
