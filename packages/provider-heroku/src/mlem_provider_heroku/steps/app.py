"""`AppStep`: the app itself, ours by its mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import Change, ConflictError, CredentialsError, NotFoundError, Step
from mlem.provider import Owner, differences
from mlem_provider_heroku.names import LINEAGE_VAR, app_name, new_name, owner, parked_name
from mlem_provider_heroku.records import AppRecord
from mlem_provider_heroku.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem_provider_heroku.api.platform import App, Heroku
    from mlem_provider_heroku.deployment import HerokuApp, HerokuContext
    from mlem_provider_heroku.env import HerokuEnv

_CHOOSE = "choose another name: --app_name NAME"


class AppStep(Step["HerokuApp", "HerokuEnv", AppRecord]):
    """The app.

    Names of apps are global, and an app can't be created with a mark: it is created under a name that has the lineage,
    gets its mark, and then the declared name. So whatever a killed run leaves is known to be ours.

    Args:
        snapshot: What Heroku said.
    """

    record = AppRecord

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._checked: dict[str, App | None] = {}

    def wanted(self, ctx: HerokuContext) -> AppRecord:
        """Want an app of this name, in this region, of this team, with our mark, that is not in maintenance."""
        return AppRecord(
            app_name=app_name(ctx),
            region=ctx.deployment.region,
            team=ctx.env.team,
            api_url=ctx.env.api_url,
            lineage=ctx.lineage,
            maintenance=False,
        )

    def observe(self, ctx: HerokuContext, recorded: AppRecord) -> AppRecord | None:
        """Look whether the app is there, under its name, and has our mark."""
        app, values = self._snapshot.app(recorded), self._snapshot.config_vars(recorded)
        if app is None or values is None:
            return None
        return recorded.changed(app_name=app["name"], lineage=values.get(LINEAGE_VAR), maintenance=app["maintenance"])

    def change(self, recorded: AppRecord, wanted: AppRecord) -> Change:
        """Another region or team needs another app.

        Another name is another address of the same.
        """
        reason = differences(recorded, wanted)
        if not _lives((recorded.region, recorded.team), wanted):
            return Change(
                self.name,
                "replace",
                reason,
                "from the change of the app until the new one is ready: a region or a team can't be changed",
            )
        if recorded.app_name != wanted.app_name:
            return Change(
                self.name, "update", reason, f"the address changes: nothing answers for {recorded.app_name} any more"
            )
        return Change(self.name, "update", reason)

    def check(self, ctx: HerokuContext, wanted: AppRecord, recorded: AppRecord | None) -> None:
        """Look whether it is on this platform, and whether somebody else has the name."""
        _expect_same_platform(ctx, wanted, recorded)
        if recorded is None or recorded.app_name != wanted.app_name:
            name = wanted.app_name
            self._checked[name] = self._ours(ctx, self._snapshot.heroku(recorded), name)

    def apply(self, ctx: HerokuContext, wanted: AppRecord, recorded: AppRecord | None) -> AppRecord:
        """Find the app, or make it.

        Rename it; or put another in its place, and keep it aside until the gate has decided.
        """
        _expect_same_platform(ctx, wanted, recorded)
        heroku = self._snapshot.heroku(recorded)
        earlier = ctx.put_back_of(AppRecord)
        if earlier is not None:
            return self._put_back(ctx, heroku, wanted, earlier)
        current = heroku.app(recorded.app_id) if recorded else None
        # the last good one, aside as long as its successor has not passed the gate
        aside = heroku.app(recorded.replaced) if recorded and recorded.replaced else None
        if current is not None and recorded is not None and _lives((recorded.region, recorded.team), wanted):
            self._mark(ctx, heroku, current["id"])
            return _record(
                wanted, self._in_service(heroku, self._renamed(ctx, heroku, current, wanted.app_name)), aside
            )
        if aside is not None and _lives(_place(aside), wanted):
            return _record(wanted, self._in_service(heroku, self._renamed(ctx, heroku, aside, wanted.app_name)), None)
        return _record(wanted, self._other(ctx, heroku, wanted, current, aside), aside or current)

    def _put_back(self, ctx: HerokuContext, heroku: Heroku, wanted: AppRecord, earlier: AppRecord) -> AppRecord:
        """Bring the app of an earlier release back.

        The one that took its place goes.
        """
        app = heroku.app(earlier.app_id)
        if app is None:
            raise NotFoundError(
                f"the app of that release ({earlier.app_name} in {earlier.region}) is gone, and its images with it",
                code="app-gone",
                hint="deploy that model again: mlem deployment run",
            )
        self._mark(ctx, heroku, app["id"])
        return _record(wanted, self._in_service(heroku, self._renamed(ctx, heroku, app, wanted.app_name)), None)

    def _in_service(self, heroku: Heroku, app: App) -> App:
        """End the maintenance mode of an app, in which nobody is let through to it."""
        if app["maintenance"]:
            heroku.set_maintenance(app["id"], on=False)
            self._snapshot.forget(app["id"])
        return app

    def _other(
        self, ctx: HerokuContext, heroku: Heroku, wanted: AppRecord, current: App | None, aside: App | None
    ) -> App:
        """Adopt the app that a killed run made, or make one.

        Put the current one aside, unless the last good one is there already.
        """
        name = wanted.app_name
        holder = self._checked.pop(name) if name in self._checked else self._ours(ctx, heroku, name)
        if holder is not None and (current is None or holder["id"] != current["id"]):
            if _lives(_place(holder), wanted):
                return holder
            heroku.delete_app(holder["id"])  # made by a run that wanted something else, and never let through the gate
        app = self._new(ctx, heroku, wanted)
        ctx.guard()
        if current is not None and aside is not None:
            heroku.delete_app(current["id"])
        elif current is not None and current["name"] == name:
            heroku.rename_app(current["id"], parked_name(ctx.lineage))
        try:
            return heroku.rename_app(app["id"], name)
        except ConflictError:
            heroku.delete_app(app["id"])
            raise

    def _new(self, ctx: HerokuContext, heroku: Heroku, wanted: AppRecord) -> App:
        ctx.guard()
        unnamed = new_name(ctx.lineage)
        app = heroku.create_app(unnamed, wanted.region, wanted.team)
        if app is None:
            app = heroku.app(unnamed)
            if app is not None and not _lives(_place(app), wanted):
                heroku.delete_app(app["id"])
                app = heroku.create_app(unnamed, wanted.region, wanted.team)
        if app is None:
            raise Owner(note="is not this deployment's").refusal(f"the app {unnamed}")
        self._snapshot.keep_config_vars(app["id"], heroku.set_config_vars(app["id"], {LINEAGE_VAR: ctx.lineage}))
        return app

    def _ours(self, ctx: HerokuContext, heroku: Heroku, name: str) -> App | None:
        """Return the app with a name when it is ours.

        The result is None when nobody has it.
        """
        try:
            app = heroku.app(name)
        except CredentialsError as error:
            if error.code != "heroku-forbidden":
                raise
            raise Owner(note="is another account's").refusal(f"the app {name}", _CHOOSE) from error
        if app is None:
            return None
        owner(heroku.config_vars(app["id"])).expect(ctx.lineage, f"the app {name}", _CHOOSE)
        return app

    def _mark(self, ctx: HerokuContext, heroku: Heroku, app_id: str) -> None:
        """Make sure that an app on record has our mark."""
        found = owner(self._snapshot.config_vars(AppRecord(app_id=app_id, api_url=heroku.api_url)))
        if found.lineage is None:
            self._snapshot.keep_config_vars(app_id, heroku.set_config_vars(app_id, {LINEAGE_VAR: ctx.lineage}))
        else:
            found.expect(ctx.lineage, f"the app {app_id}", _CHOOSE)

    def _renamed(self, ctx: HerokuContext, heroku: Heroku, app: App, name: str) -> App:
        """Give an app its name.

        What of ours has it, or was to get it, is a successor that never passed the gate.
        """
        if app["name"] == name:
            return app
        successors = [self._ours(ctx, heroku, name)]
        if app["name"] == parked_name(ctx.lineage):
            successors.append(heroku.app(new_name(ctx.lineage)))
        ctx.guard()
        for successor in filter(None, successors):
            heroku.delete_app(successor["id"])
        return heroku.rename_app(app["id"], name)

    def remove(self, ctx: HerokuContext, recorded: AppRecord | None) -> None:
        """Delete the app, and what a killed run made or left aside."""
        heroku = self._snapshot.heroku(recorded)
        known = [recorded.app_id, recorded.replaced] if recorded else []
        unmarked, parked = new_name(ctx.lineage), parked_name(ctx.lineage)
        for id_ in filter(None, known):
            values = heroku.config_vars(id_)
            if values is not None and owner(values).lineage is None:
                raise ConflictError(
                    f"the app {id_} has no {LINEAGE_VAR} any more: somebody took away the mark that says whose it is",
                    code="not-ours",
                    hint=f"if it is to go: heroku config:set {LINEAGE_VAR}={ctx.lineage} --app {id_}, "
                    "then repeat the command",
                )
            if values is not None:
                owner(values).expect(ctx.lineage, f"the app {id_}", _CHOOSE)
            self._delete(ctx, heroku, id_)
        for name in (unmarked, parked) if recorded else (unmarked, parked, app_name(ctx)):
            try:
                app = heroku.app(name) if name == unmarked else self._ours(ctx, heroku, name)
            except (ConflictError, CredentialsError) as error:
                if name == parked or error.code not in ("not-ours", "heroku-forbidden"):
                    raise
                continue  # a stranger's: nothing of ours has the name
            if app is not None:
                self._delete(ctx, heroku, app["id"])

    def prune(self, ctx: HerokuContext, keep: Sequence[AppRecord]) -> None:
        """Delete the app that the one which serves has replaced."""
        replaced = keep[0].replaced if keep else None
        if replaced:
            self._delete(ctx, self._snapshot.heroku(keep[0]), replaced)

    def _delete(self, ctx: HerokuContext, heroku: Heroku, id_: str) -> None:
        ctx.guard()
        heroku.delete_app(id_)
        self._snapshot.forget(id_)


def _expect_same_platform(ctx: HerokuContext, wanted: AppRecord, recorded: AppRecord | None) -> None:
    if recorded is not None and recorded.api_url != wanted.api_url:
        raise ConflictError(
            f'"{ctx.name}" is on {recorded.api_url}, and its env is {wanted.api_url} now',
            code="other-platform",
            hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
        )


def _record(wanted: AppRecord, app: App, replaced: App | None) -> AppRecord:
    made = wanted.changed(app_id=app["id"], web_url=app.get("web_url"))
    return made.changed(replaced=replaced["id"]) if replaced and replaced["id"] != app["id"] else made


def _place(app: App) -> tuple[str, str | None]:
    """Return what an app can't change: its region and its team."""
    return app["region"]["name"], app["team"]["name"] if app.get("team") else None


def _lives(place: tuple[str, str | None], wanted: AppRecord) -> bool:
    """Say whether an app is where it is wanted."""
    return place == (wanted.region, wanted.team)
