"""`AppStep`: the app itself, ours by its mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from mlem.errors import ConflictError, CredentialsError, NotFoundError
from mlem.step import Change, Context, Record, Step, differences
from mlem_provider_heroku.look import APP, Look
from mlem_provider_heroku.place import LINEAGE_VAR, app_name, deployment_of, env_of, new_name, parked_name

if TYPE_CHECKING:
    from mlem_provider_heroku.sdk import App, Heroku

_FIXED = ("region", "team")


class AppStep(Step):
    """The app.

    Names of apps are global, and an app can't be created with a mark: it is created under a name that has the lineage, gets its
    mark, and then the declared name. So whatever a killed run leaves is known to be ours.

    Args:
        look: What Heroku said.
    """

    name: ClassVar[str] = APP

    def __init__(self, look: Look) -> None:
        self._look = look

    def wanted(self, ctx: Context) -> Record:
        """Want an app of this name, in this region, of this team, with our mark."""
        env = env_of(ctx)
        return {
            "app_name": app_name(ctx),
            "region": deployment_of(ctx).region,
            "team": env.team,
            "api_url": env.api_url,
            "lineage": ctx.lineage,
        }

    def observe(self, ctx: Context, recorded: Record) -> Record | None:
        """Look whether the app is there, under its name, and has our mark."""
        values = self._look.config_vars(recorded)
        if values is None:
            return None
        dynos = self._look.dynos(recorded) or []
        name = dynos[0]["app"]["name"] if dynos else recorded["app_name"]
        return {**recorded, "app_name": name, "lineage": values.get(LINEAGE_VAR)}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """Another region or team needs another app; another name is another address of the same."""
        reason = differences(recorded, wanted)
        if any(recorded.get(key) != wanted.get(key) for key in _FIXED):
            return Change(
                self.name, "replace", reason, "from the change of the app until the new one is ready: a region or a team can't be changed"
            )
        if recorded["app_name"] != wanted["app_name"]:
            return Change(self.name, "update", reason, f"the address changes: nothing answers for {recorded['app_name']} any more")
        return Change(self.name, "update", reason)

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Find the app, or make it; rename it; or put another in its place, and keep it aside until the gate has decided."""
        if recorded is not None and recorded["api_url"] != wanted["api_url"]:
            raise ConflictError(
                f'"{ctx.name}" is on {recorded["api_url"]}, and its env is {wanted["api_url"]} now',
                code="other-platform",
                hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
            )
        heroku = self._look.heroku(recorded)
        earlier = ctx.put_back.get(self.name)
        if earlier is not None:
            return self._put_back(ctx, heroku, wanted, earlier)
        current = heroku.app(recorded["app_id"]) if recorded else None
        if current is None or recorded is None or any(recorded[key] != wanted[key] for key in _FIXED):
            app, replaced = self._other(ctx, heroku, wanted, current), current["id"] if current else None
        else:
            self._mark(ctx, heroku, current["id"])
            app, replaced = self._renamed(ctx, heroku, current, wanted["app_name"]), recorded.get("replaced")
        return _record(wanted, app, replaced)

    def _put_back(self, ctx: Context, heroku: Heroku, wanted: Record, earlier: Record) -> Record:
        """Bring the app of an earlier release back; the one that took its place goes."""
        app = heroku.app(earlier["app_id"])
        if app is None:
            raise NotFoundError(
                f"the app of that release ({earlier['app_name']} in {earlier['region']}) is gone, and its images with it",
                code="app-gone",
                hint="deploy that model again: mlem deployment run",
            )
        if app["name"] != wanted["app_name"]:
            successor = self._ours(ctx, heroku, wanted["app_name"])
            if successor is not None and successor["id"] != app["id"]:
                ctx.guard()
                heroku.delete_app(successor["id"])
        self._mark(ctx, heroku, app["id"])
        return _record(wanted, self._renamed(ctx, heroku, app, wanted["app_name"]), None)

    def _other(self, ctx: Context, heroku: Heroku, wanted: Record, old: App | None) -> App:
        """Adopt the app that a killed run made, or make one; park the old one where it has the name."""
        name = wanted["app_name"]
        holder = self._ours(ctx, heroku, name)
        if holder is not None and (old is None or holder["id"] != old["id"]):
            if (holder["region"]["name"], _team(holder)) == (wanted["region"], wanted["team"]):
                return holder
            if old is not None:  # made by a run that wanted something else, and never let through the gate
                heroku.delete_app(holder["id"])
            else:
                old = holder
        app = self._new(ctx, heroku, wanted)
        if old is not None and old["name"] == name:
            ctx.guard()
            heroku.rename_app(old["id"], parked_name(ctx.lineage))
        try:
            return heroku.rename_app(app["id"], name)
        except ConflictError:
            heroku.delete_app(app["id"])
            raise

    def _new(self, ctx: Context, heroku: Heroku, wanted: Record) -> App:
        ctx.guard()
        unnamed = new_name(ctx.lineage)
        app = heroku.create_app(unnamed, wanted["region"], wanted["team"])
        if app is None:
            app = heroku.app(unnamed)
            if app is not None and (app["region"]["name"], _team(app)) != (wanted["region"], wanted["team"]):
                heroku.delete_app(app["id"])
                app = heroku.create_app(unnamed, wanted["region"], wanted["team"])
        if app is None:
            raise ConflictError(f"the name {unnamed} is taken, and not by this deployment", code="not-ours")
        self._look.keep_config_vars(app["id"], heroku.set_config_vars(app["id"], {LINEAGE_VAR: ctx.lineage}))
        return app

    def _ours(self, ctx: Context, heroku: Heroku, name: str) -> App | None:
        """Return the app with a name when it is ours; None when nobody has it."""
        try:
            app = heroku.app(name)
        except CredentialsError as error:
            if error.code != "heroku-forbidden":
                raise
            raise _not_ours(name, "and another account's") from error
        if app is None:
            return None
        mark = (heroku.config_vars(app["id"]) or {}).get(LINEAGE_VAR)
        if mark != ctx.lineage:
            whose = "was not made by mlem" if mark is None else f"belongs to the mlem deployment of lineage {mark}"
            raise _not_ours(name, f"and {whose}")
        return app

    def _mark(self, ctx: Context, heroku: Heroku, app_id: str) -> None:
        """See to it that an app on record has our mark, and nobody else's."""
        known = self._look.config_vars({"app_id": app_id, "api_url": heroku.api_url}) or {}
        mark = known.get(LINEAGE_VAR)
        if mark is None:
            self._look.keep_config_vars(app_id, heroku.set_config_vars(app_id, {LINEAGE_VAR: ctx.lineage}))
        elif mark != ctx.lineage:
            raise _not_ours(app_id, f"and belongs to the mlem deployment of lineage {mark}")

    def _renamed(self, ctx: Context, heroku: Heroku, app: App, name: str) -> App:
        if app["name"] == name:
            return app
        ctx.guard()
        return heroku.rename_app(app["id"], name)

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Delete the app, and what a killed run made or left aside."""
        heroku = self._look.heroku(recorded)
        known = [recorded["app_id"], recorded.get("replaced")] if recorded else []
        names = [new_name(ctx.lineage), parked_name(ctx.lineage)]
        for id_ in filter(None, known):
            values = heroku.config_vars(id_)
            if values is not None and values.get(LINEAGE_VAR) not in (None, ctx.lineage):
                raise _not_ours(id_, f"and belongs to the mlem deployment of lineage {values[LINEAGE_VAR]}")
            self._delete(ctx, heroku, id_)
        for name in names if recorded else [*names, app_name(ctx)]:
            try:
                app = heroku.app(name) if name in names else self._ours(ctx, heroku, name)
            except (ConflictError, CredentialsError) as error:
                if error.code not in ("not-ours", "heroku-forbidden"):
                    raise
                continue  # a stranger's: nothing of ours has the name
            if app is not None:
                self._delete(ctx, heroku, app["id"])

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Delete the app that the one which serves has replaced."""
        replaced = keep[0].get("replaced") if keep else None
        if replaced:
            self._delete(ctx, self._look.heroku(keep[0]), replaced)

    def _delete(self, ctx: Context, heroku: Heroku, id_: str) -> None:
        ctx.guard()
        heroku.delete_app(id_)
        self._look.forget(id_)


def _record(wanted: Record, app: App, replaced: str | None) -> Record:
    facts: dict[str, Any] = {"app_id": app["id"], "web_url": app.get("web_url")}
    return {**wanted, **facts, **({"replaced": replaced} if replaced else {})}


def _team(app: App) -> str | None:
    return app["team"]["name"] if app.get("team") else None


def _not_ours(name: str, whose: str) -> ConflictError:
    return ConflictError(f"the app {name} is there already, {whose}", code="not-ours", hint="choose another name: --app_name NAME")
