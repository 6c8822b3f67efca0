"""What a deployment is called on Heroku, and where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlem import DeclarationError
from mlem.provider import Owner
from mlem_provider_heroku.api.limits import APP_NAME

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuContext

LINEAGE_VAR = "MLEM_LINEAGE"
"""The config var that says whose an app is: apps have no labels."""


def owner(config_vars: Mapping[str, str] | None) -> Owner:
    """Return whose an app is, by its config vars."""
    return Owner((config_vars or {}).get(LINEAGE_VAR))


def app_name(ctx: HerokuContext) -> str:
    """Return the app's name: as declared, else the deployment's, as far as Heroku takes it.

    Raises:
        DeclarationError: The deployment's name can't be made a name of an app.
    """
    declared = ctx.deployment.app_name
    name = declared or re.sub(r"[^a-z0-9]+", "-", ctx.name.lower()).strip("-")
    if not re.fullmatch(APP_NAME, name):
        raise DeclarationError(
            f"the deployment's name can't be a name of an app: \"{name}\" does not match {APP_NAME}",
            hint="choose one: --app_name NAME",
        )
    return name


def place(ctx: HerokuContext) -> str:
    """Return what an app can't change: ``eu``, or ``nlp/eu`` for a team's."""
    team, region = ctx.env.team, ctx.deployment.region
    return f"{team}/{region}" if team else region


def new_name(lineage: str) -> str:
    """Return the name that an app has until it has its mark: whoever finds it knows whose it is."""
    return f"mlem-{lineage[:24]}"


def parked_name(lineage: str) -> str:
    """Return the name of an app that has given its own to its successor."""
    return f"old-{lineage[:24]}"
