"""The words that are ours: which of our distributions has which type.

No plugin of somebody else can take one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

Kind = Literal["env", "deployment", "state_manager", "client", "builder", "model_type", "data_type"]
KINDS: tuple[Kind, ...] = ("env", "deployment", "state_manager", "client", "builder", "model_type", "data_type")

SPECIFICATIONS = ("mlem_model.hookspecs", "mlem.hookspecs")
"""The modules with the hooks; where models are only served, the second is not installed."""

CONTRACTS: Mapping[Kind, str] = {
    "env": "mlem.deployments.env:Env",
    "deployment": "mlem.deployments.deployment:Deployment",
    "state_manager": "mlem.state.manager:StateManager",
    "client": "mlem.clients.client:Client",
    "builder": "mlem.deployments.builder:Builder",
    "model_type": "mlem_model.models.model_type:ModelType",
    "data_type": "mlem_model.data.types.base:DataType",
}
"""The class that each kind has to be a subclass of; they are imported when a plugin has one."""

CORE, MODEL = "mlem-core", "mlem-model"
BASE = (MODEL, CORE)
"""The distributions whose types are always there: their words are theirs, and they can't be switched off."""
_LOCAL, _DOCKER, _HEROKU, _SAGEMAKER, _S3 = (
    "mlem-provider-local",
    "mlem-provider-docker",
    "mlem-provider-heroku",
    "mlem-provider-sagemaker",
    "mlem-state-s3",
)

OWN: Mapping[Kind, Mapping[str, str]] = {
    "env": {"local": _LOCAL, "docker": _DOCKER, "heroku": _HEROKU, "sagemaker": _SAGEMAKER},
    "deployment": {"local_process": _LOCAL, "docker_container": _DOCKER, "heroku": _HEROKU, "sagemaker": _SAGEMAKER},
    "state_manager": {"s3": _S3},
    "client": {"sagemaker": _SAGEMAKER},
    "builder": {"docker": _DOCKER, "docker_dir": _DOCKER},
    "model_type": {},
    "data_type": {},
}
"""Word -> distribution, by kind. The types of the core and of `mlem_model` are not in it: these are there always, and
asked first."""


def _package_of(distribution: str) -> str:
    return "mlem" if distribution == CORE else distribution.replace("-", "_")


DISTRIBUTIONS = frozenset({*BASE, *(distribution for words in OWN.values() for distribution in words.values())})
PACKAGES = frozenset(map(_package_of, DISTRIBUTIONS))
"""The import packages of our distributions."""
BASE_PACKAGES = frozenset(map(_package_of, BASE))


def owner_of(kinds: Sequence[Kind], word: str) -> str | None:
    """Return the distribution of ours that has a word; None when the word is not ours.

    A deployment type and an env type stand for each other, so that their words are ours together.
    """
    places = ("env", "deployment", *kinds) if {"env", "deployment"} & {*kinds} else kinds
    return next((OWN[kind][word] for kind in places if word in OWN[kind]), None)


def is_own_package(module: str) -> bool:
    """Whether a module is of one of our distributions."""
    return module.partition(".")[0] in PACKAGES


def normal_name(distribution: str) -> str:
    """Return a distribution's name as names are compared.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/ (read 2026-11).
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()
