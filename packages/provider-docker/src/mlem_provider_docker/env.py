"""A Docker Engine as an env."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from mlem import Env, Value
from mlem.provider import Translation
from mlem_provider_docker.api.address import EngineAddress


class ImageRegistry(Value):
    """A registry that images are pushed to; docker's own configuration and credential helpers have the credentials."""

    host: str = Field(
        description="registry and, where it has one, the path that comes before image names: registry.example.com/team"
    )

    @field_validator("host")
    @classmethod
    def _without_scheme(cls, host: str) -> str:
        if "://" in host or not host.strip("/"):
            raise ValueError(
                f'expected a registry without scheme, as in an image\'s name: registry.example.com; got "{host}"'
            )
        return host.strip("/")


class DockerEnv(EngineAddress, Env):
    """A Docker Engine, and the registry that its images are pushed to."""

    type: ClassVar[str] = "docker"
    deployment_type: ClassVar[str] = "docker_container"

    registry: ImageRegistry | None = Field(default=None, description="where images are pushed to (default: nowhere)")

    def preflight(self) -> Mapping[str, Callable[[], str]]:
        """See `Env.preflight`: the Engine answers, and runs Linux."""
        from mlem_provider_docker.api.address import endpoint_of
        from mlem_provider_docker.api.place import described
        from mlem_provider_docker.api.sdk import connect

        def engine() -> str:
            found = connect(endpoint_of(self))
            return described(found.info("what it runs"), found.endpoint.host)

        return {"Docker Engine": engine}

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: a registry with a type, and the Engine as ``daemon``."""
        from mlem_provider_docker.legacy import translate_env

        return translate_env(fields, source, prefix)
