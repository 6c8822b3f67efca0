"""`Env`: where to deploy; the parameters of a target platform, reusable under a name."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
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

    def preflight(self) -> Mapping[str, Callable[[], str]]:
        """Return what can be checked of this platform before anything is deployed to it: nothing by default.

        By what is checked, in a word or two: ``AWS account``. Each function says what it found, in words, or raises a
        `MlemError` that says what to do. ``mlem doctor`` calls all; ``plan`` and ``run`` do where a step is to be made,
        before the first one. So each is cheap, changes nothing, and needs no right that deploying does not need.
        """
        return {}

    @model_validator(mode="after")
    def _check_environment(self) -> Self:
        check_environment(self)
        return self
