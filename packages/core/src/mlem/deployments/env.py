"""`Env`: where to deploy; the parameters of a target platform, reusable under a name."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, Self

from pydantic import model_validator

from mlem.deployments.variables import check_environment
from mlem_model.objects.object import MlemObject


class Env(MlemObject, ABC):
    """A target platform's parameters.

    A provider subclasses it with fields; each becomes an option of ``mlem declare env TYPE``, a part of the JSON Schema
    and a row of the reference page. Secrets are not fields: they come from the environment or the vendor's credential
    chain.

    Attributes:
        type: The word that users type: ``docker``.
        deployment_type: The deployment type that is meant when only the env's word is given.
        secret_variables: The environment variables that credentials come from; the conformance kit looks whether one
            leaks.
    """

    object_type: ClassVar[str] = "env"
    deployment_type: ClassVar[str] = ""
    secret_variables: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _check_environment(self) -> Self:
        check_environment(self)
        return self
