"""`Snapshot`: what Heroku says of an app, asked once for all steps of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlem import NotFoundError
from mlem_provider_heroku.records import AppRecord

if TYPE_CHECKING:
    from mlem_provider_heroku.api.platform import App, Heroku
    from mlem_provider_heroku.deployment import HerokuContext

UP = frozenset({"up", "idle"})
"""States of a dyno that answers; an idle one wakes up for a request. Source: Dev Center, "Eco Dyno Hours", section
"Dyno sleeping" (read 2026-11)."""


class Snapshot:
    """The app, its config vars and dynos, as they were when they were asked for.

    `forget` what a change made old.

    Three answers tell of all steps: the app has its name and whether it is in maintenance, the config vars have the
    owner's mark, and each dyno has its release and size.

    Args:
        ctx: The run's context.
    """

    def __init__(self, ctx: HerokuContext) -> None:
        self._env = ctx.env
        self._report = ctx.report
        self._apps: dict[str, App | None] = {}
        self._config: dict[str, dict[str, str] | None] = {}
        self._dynos: dict[str, list[dict[str, Any]] | None] = {}

    def heroku(self, app: AppRecord | None) -> Heroku:
        """Return the API: the one that an app is on record with, or the env's."""
        from mlem_provider_heroku.api.platform import connect

        found = connect(self._env, app.api_url if app else None)
        found.report_to(self._report)
        return found

    def app(self, recorded: AppRecord) -> App | None:
        """Return the app on record.

        The result is None when it is gone.
        """
        id_ = recorded.app_id
        if id_ not in self._apps:
            self._apps[id_] = self.heroku(recorded).app(id_)
        return self._apps[id_]

    def config_vars(self, app: AppRecord) -> Mapping[str, str] | None:
        """Return the config vars.

        The result is None when the app is gone.
        """
        id_ = app.app_id
        if id_ not in self._config:
            self._config[id_] = self.heroku(app).config_vars(id_)
        return self._config[id_]

    def keep_config_vars(self, app_id: str, values: dict[str, str]) -> None:
        """Take over what a change of the config vars answered.

        Dynos have started again by it.
        """
        self._config[app_id] = values
        self._dynos.pop(app_id, None)

    def dynos(self, app: AppRecord) -> list[dict[str, Any]] | None:
        """Return the web dynos.

        The result is None when the app is gone.
        """
        id_ = app.app_id
        if id_ not in self._dynos:
            self._dynos[id_] = self.heroku(app).dynos(id_)
        return self._dynos[id_]

    def forget(self, app_id: str) -> None:
        """Forget what was asked about an app that has changed."""
        self._apps.pop(app_id, None)
        self._config.pop(app_id, None)
        self._dynos.pop(app_id, None)

    def gone(self, ctx: HerokuContext) -> bool:
        """Say whether the app on record is gone, and with it everything that it had."""
        app = ctx.record_of(AppRecord)
        return app is None or self.config_vars(app) is None


def app_of(ctx: HerokuContext) -> AppRecord:
    """Return the record of the app.

    Raises:
        NotFoundError: There is none.
    """
    app = ctx.record_of(AppRecord)
    if app is None:
        raise NotFoundError(
            f'"{ctx.name}" has no app', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
        )
    return app
