"""What a deployment is called on Heroku, and where it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from mlem import Context, DeclarationError
from mlem_provider_heroku.limits import APP_NAME

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuApp
    from mlem_provider_heroku.env import HerokuEnv

LINEAGE_VAR = "MLEM_LINEAGE"
"""The config var that says whose an app is: apps have no labels."""


def deployment_of(ctx: Context) -> HerokuApp:
    """Return the declaration."""
    return cast("HerokuApp", ctx.deployment)


def env_of(ctx: Context) -> HerokuEnv:
    """Return the env."""
    return cast("HerokuEnv", ctx.env)


def app_name(ctx: Context) -> str:
    """Return the app's name: as declared, else the deployment's, as far as Heroku takes it.

    Raises:
        DeclarationError: The deployment's name makes no name of an app.
    """
    declared = deployment_of(ctx).app_name
    name = declared or re.sub(r"[^a-z0-9]+", "-", ctx.name.lower()).strip("-")
    if not re.fullmatch(APP_NAME, name):
        raise DeclarationError(
            f'the deployment\'s name makes no name of an app: "{name}" does not match {APP_NAME}', hint="choose one: --app_name NAME"
        )
    return name


def place(ctx: Context) -> str:
    """Return what an app can't change: ``eu``, or ``nlp/eu`` for a team's."""
    team, region = env_of(ctx).team, deployment_of(ctx).region
    return f"{team}/{region}" if team else region


def new_name(lineage: str) -> str:
    """Return the name that an app has until it has its mark: whoever finds it knows whose it is."""
    return f"mlem-{lineage[:24]}"


def parked_name(lineage: str) -> str:
    """Return the name of an app that has given its own to its successor."""
    return f"old-{lineage[:24]}"
