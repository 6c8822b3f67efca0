"""`EngineAddress`: which Docker Engine, as fields of an env."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mlem import Value

_CONTEXT = "context "


class EngineAddress(Value):
    """Which Docker Engine; without a field the one that the docker command uses."""

    host: str | None = Field(
        default=None,
        description="the Engine: unix:///path, tcp://host:2376 or ssh://user@host "
        "(default: what the docker command uses)",
    )
    context: str | None = Field(default=None, description="the Engine by the name of a docker context, instead of host")
    cert_path: Path | None = Field(
        default=None,
        description="folder with ca.pem, cert.pem and key.pem, for TLS with a tcp:// host "
        "(default: as the docker command)",
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.host and self.context:
            raise ValueError("host and context name two Engines: give one of them")
        return self

    @property
    def where(self) -> str | None:
        """The declared Engine in one word, for records; None for what the docker command uses."""
        return self.host or (f"{_CONTEXT}{self.context}" if self.context else None)

    def at(self, where: str | None) -> Self:
        """Return the address with the Engine of a record."""
        if where == self.where:
            return self
        is_context = where is not None and where.startswith(_CONTEXT)
        return self.model_copy(
            update={
                "host": None if is_context else where,
                "context": where.removeprefix(_CONTEXT) if where is not None and is_context else None,
            }
        )
