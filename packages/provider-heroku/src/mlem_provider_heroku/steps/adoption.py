"""Apps that MLEM 0.4 made, taken over: they get the mark that says whose they are, as one of ours has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import CredentialsError, NotFoundError
from mlem.provider import BY_04, Adopted, Candidate, FieldReader
from mlem_provider_heroku.api.limits import APP_NAME, DYNO_MEMORY_MIB
from mlem_provider_heroku.names import LINEAGE_VAR, owner
from mlem_provider_heroku.records import AppRecord, ConfigVarsRecord, ReleaseRecord, ScaleRecord

if TYPE_CHECKING:
    from mlem_provider_heroku.api.platform import App, Heroku
    from mlem_provider_heroku.deployment import HerokuContext

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def words(old: Mapping[str, Any]) -> str:
    """Say which app a state of MLEM 0.4 has on record.

    The result is empty when none.
    """
    app = old.get("app")
    return f"the app {str(app.get('name'))[:40]}" if isinstance(app, Mapping) and app.get("name") else ""


def adopt(ctx: HerokuContext, heroku: Heroku, old: Mapping[str, Any], by: str = BY_04) -> Adopted:
    """Take over an app that is not ours: it gets our mark, which starts its dynos again.

    Args:
        ctx: The context, with the lineage.
        heroku: The API.
        old: What a state of MLEM 0.4 has on record, or the same of an app that a person points to.
        by: Who made it.

    Raises:
        DeclarationError: What is on record is not an app.
        NotFoundError: There is no such app in this account.
        ConflictError: It belongs to another deployment.
        CredentialsError: There is no API key, or it is another account's.
    """
    app = heroku.app(_id_of(old))
    if app is None:
        raise NotFoundError(
            f"there is no such app: {words(old)}",
            code="app-not-found",
            hint="heroku apps shows those of this account; with the key of the right one: mlem migrate; "
            "if it is gone for good, move the state's file away",
        )
    id_ = str(app["id"])
    found = owner(heroku.config_vars(id_))
    if found.lineage is not None:
        found.expect(ctx.lineage, f"the app {app['name']}")
    else:
        ctx.report(f"setting {LINEAGE_VAR} of the app {app['name']}: its dynos start again")
        heroku.set_config_vars(id_, {LINEAGE_VAR: ctx.lineage})
    return _adopted(ctx, heroku, app, old, by)


def _adopted(ctx: HerokuContext, heroku: Heroku, app: App, old: Mapping[str, Any], by: str) -> Adopted:
    id_, region = str(app["id"]), str(app["region"]["name"])
    team = app["team"]["name"] if app.get("team") else None
    dynos, release = heroku.dynos(id_) or [], heroku.newest_release(id_)
    deployment = ctx.deployment
    size = str(dynos[0]["size"]).lower() if dynos else deployment.dyno_size
    quantity = len(dynos) or deployment.quantity
    place = f"{team}/{region}" if team else region
    records = [
        AppRecord(
            app_name=app["name"],
            region=region,
            team=team,
            api_url=heroku.api_url,
            lineage=ctx.lineage,
            app_id=id_,
            web_url=app.get("web_url"),
        ),
        ConfigVarsRecord(place=place, environment={}, pass_environment=[]),
        ReleaseRecord(
            place=place,
            environment={},
            pass_environment=[],
            model_hash=str(old.get("model_hash") or "unknown"),
            tag=None,
            situation="up",
            release_id=release["id"],
            version=release["version"],
            image_id=None,
            adopted=by,
        ),
        ScaleRecord(place=place, dyno_size=size, quantity=quantity),
    ]
    fields: dict[str, Any] = {"app_name": app["name"], "quantity": quantity}
    notes = [f"{LINEAGE_VAR} of the app says from now on whose it is"]
    if size in DYNO_MEMORY_MIB:
        fields["dyno_size"] = size
    if region != deployment.region:
        fields["region"] = region
    if team != ctx.env.team:
        owner = f"the team {team}" if team else "no team"
        notes.append(f"it belongs to {owner}: say so in the env (team), or the next run makes another app")
    return Adopted(words(old), records, fields, tuple(notes))


def _id_of(old: Mapping[str, Any]) -> str:
    """Return the id on record.

    It is the name where there is none that Heroku could have given.
    """
    app = old["app"]
    known = app["meta_info"].get("id") if isinstance(app.get("meta_info"), Mapping) else None
    if isinstance(known, str) and _UUID.fullmatch(known):
        return known
    if not re.fullmatch(APP_NAME, str(app["name"])):
        raise FieldReader("the state").fail("app.name", "this is not a name of an app")
    return str(app["name"])


def candidates(heroku: Heroku, name: str) -> Sequence[Candidate]:
    """Return the app that has a name, where this account has it."""
    try:
        app = heroku.app(name)
    except CredentialsError as error:
        if error.code != "heroku-forbidden":
            raise
        return ()
    if app is None:
        return ()
    released = heroku.newest_release(str(app["id"]))
    what = f"the app {app['name']} in {app['region']['name']}, release v{released['version']}"
    return [Candidate(str(app["name"]), what, owner(heroku.config_vars(str(app["id"]))))]
