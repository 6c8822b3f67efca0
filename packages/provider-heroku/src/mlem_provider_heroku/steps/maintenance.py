"""Heroku's maintenance mode: its router answers with a page that asks for patience, and status 503."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import ConflictError, NotFoundError
from mlem_provider_heroku.names import owner
from mlem_provider_heroku.records import AppRecord
from mlem_provider_heroku.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuContext


def maintenance(ctx: HerokuContext, app: AppRecord, *, on: bool | None) -> bool:
    """Say whether an app is in maintenance mode; begin or end it first where that is asked for.

    Source: Platform API schema, ``app``, ``maintenance``; Dev Center, "Maintenance Mode" (read 2026-11).

    Args:
        ctx: The context.
        app: The app on record.
        on: Whether it is to be; None only to ask.

    Raises:
        NotFoundError: The app is gone.
        ConflictError: It is not this deployment's any more.
    """
    heroku = Snapshot(ctx).heroku(app)
    found = heroku.app(app.app_id)
    if found is None:
        raise NotFoundError(
            f"the app {app.app_name} is gone", code="app-gone", hint=f"mlem deployment run --load {ctx.name}"
        )
    if on is None or on == found["maintenance"]:
        return bool(found["maintenance"])
    owner(heroku.config_vars(app.app_id)).expect(ctx.lineage, f"the app {found['name']}", "")
    heroku.set_maintenance(app.app_id, on=on)
    return on


def expect_no_maintenance(ctx: HerokuContext, snapshot: Snapshot, app: AppRecord) -> None:
    """Refuse what has to be seen to answer while nobody is let through.

    Raises:
        ConflictError: The app is in maintenance mode.
    """
    found = snapshot.app(app)
    if found is not None and found["maintenance"]:
        raise ConflictError(
            f"the app {found['name']} is in maintenance mode: whether it answers can't be seen",
            code="in-maintenance",
            hint=f"mlem deployment maintenance {ctx.name} off",
        )
