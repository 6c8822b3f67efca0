"""`Trust`: what the person who deploys or loads a model accepts. What a model says of itself does not count."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from mlem_model.errors import UserError
from mlem_model.objects.object import Value

if TYPE_CHECKING:
    from mlem_model.models.model import Model

SAMPLES, PROFILE = "samples", "profile"
ASIDES = frozenset({SAMPLES, PROFILE})
"""Artifacts that say something about a model, beside its own: sample rows that are too large for the metadata, and
what the sample data looked like. They are JSON, whose loading runs nothing."""
FORMATS_VARIABLE = "MLEM_CORE__TRUST__FORMATS"
TYPES_VARIABLE = "MLEM_CORE__TRUST__TYPES"
UNVERIFIED_VARIABLE = "MLEM_CORE__TRUST__UNVERIFIED"


class Trust(Value):
    """What is accepted."""

    formats: tuple[str, ...] | None = Field(
        default=None,
        description="formats of artifacts that may be deployed and loaded, for example [skops, onnx] (default: all)",
    )
    types: tuple[str, ...] = Field(
        default=(),
        description="classes that a skops artifact or a foreign pickle may have beside those of scikit-learn and the "
        "like, for example shop.features.Encoder",
    )

    unverified: bool = Field(
        default=False,
        description="accept artifacts without a digest: nothing shows whether they are what was saved",
    )

    @field_validator("formats", "types", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return words(value) if isinstance(value, str) else value

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Trust:
        """Return what the environment says: for a server, which has no project."""
        formats = environment.get(FORMATS_VARIABLE)
        return cls(
            formats=None if formats is None else words(formats),
            types=words(environment.get(TYPES_VARIABLE, "")),
            unverified=environment.get(UNVERIFIED_VARIABLE, "").lower() == "true",
        )

    def to_environment(self) -> dict[str, str]:
        """Return the variables that tell a server the same; none where nothing was said."""
        found = {TYPES_VARIABLE: ",".join(self.types)} if self.types else {}
        if self.unverified:
            found[UNVERIFIED_VARIABLE] = "true"
        return found if self.formats is None else {FORMATS_VARIABLE: ",".join(self.formats), **found}

    def check(self, model: Model, source: str) -> None:
        """Refuse a model with an artifact whose format is not accepted, or that has no digest.

        This happens before any of its files is read.

        Args:
            model: The metadata.
            source: Its file, for messages.

        Raises:
            UserError: It has such an artifact.
        """
        bare = next((name for name, artifact in model.artifacts.items() if not artifact.checksum[0]), None)
        if bare is not None and not self.unverified:
            raise UserError(
                f"{source}: artifacts.{bare} has no digest: nothing shows whether the file is what was saved",
                code="no-digest",
                hint="save the model again, or accept it as it is: mlem config set core.trust.unverified true",
            )
        if self.formats is None:
            return
        for name, artifact in model.artifacts.items():
            if name in ASIDES:
                continue
            if artifact.format not in self.formats:
                code = " Loading it runs code of whoever saved it." if artifact.format == "pickle" else ""
                raise UserError(
                    f"{source}: the model is saved as {artifact.format}, which is not trusted here.{code}",
                    code="untrusted-format",
                    known=self.formats,
                    hint='save it in a trusted format, mlem.api.save(..., format="skops"), or trust it: '
                    f"mlem config set core.trust.formats {','.join((*self.formats, artifact.format))}",
                )


def words(text: str) -> tuple[str, ...]:
    """Split words at commas; brackets around them, as YAML has them, are left out."""
    return tuple(word.strip() for word in text.strip("[] ").split(",") if word.strip())
