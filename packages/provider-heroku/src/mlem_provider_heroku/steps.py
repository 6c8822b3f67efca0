"""The resources of a deployment after the app: its config vars, the image in its registry, the release, the dynos."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mlem import Change, DeclarationError, NotFoundError, PlatformError, Record, Step, UserError
from mlem.provider import (
    FROM_HERE,
    PROTECTION,
    TOKENS,
    TOKENS_VARIABLE,
    differences,
    passed_tokens,
    protection,
    recorded_protection,
    seen_protection,
)
from mlem_provider_docker import PushedImageStep, image_tag
from mlem_provider_heroku.foreign import Foreign
from mlem_provider_heroku.limits import CONFIG_VARS_BYTES, IMAGE_LAYERS, ONE_DYNO_SIZES
from mlem_provider_heroku.names import LINEAGE_VAR, app_name, place
from mlem_provider_heroku.records import AppRecord, ConfigVarsRecord, ImageRecord, ReleaseRecord, ScaleRecord
from mlem_provider_heroku.snapshot import UP, Snapshot, app_of

if TYPE_CHECKING:
    from mlem_provider_docker import EngineAddress
    from mlem_provider_heroku.deployment import HerokuApp, HerokuContext
    from mlem_provider_heroku.env import HerokuEnv

RecordT = TypeVar("RecordT", bound=Record)

SITUATION = "up"
"""The situation of dynos that are as they were left."""

_TAKEN_OVER = "takes over"
"""What the situation begins with where somebody else has released the same image: it goes on record, and nothing starts again."""

_CONFIG = ("environment", "pass_environment", *PROTECTION)
"""What a record says of the config vars."""

GAP = "the dynos start again, some seconds to a minute: Heroku starts the new ones when it stops the old"


class OfApp(Step["HerokuApp", "HerokuEnv", RecordT]):
    """A resource that an app has: gone when the app is.

    Args:
        snapshot: What Heroku said.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def observe(self, ctx: HerokuContext, recorded: RecordT) -> RecordT | None:
        """See `Step.observe`."""
        return None if self._snapshot.gone(ctx) else recorded

    def remove(self, ctx: HerokuContext, recorded: RecordT | None) -> None:
        """Leave it to the app's removal, which takes it along."""


class ConfigVarsStep(OfApp[ConfigVarsRecord]):
    """The config vars: the declared ones, and those that are passed on from where the command runs."""

    record = ConfigVarsRecord

    def wanted(self, ctx: HerokuContext) -> ConfigVarsRecord:
        """Want these values, and those names with the values that they have here."""
        return wanted_config_vars(ctx)

    def observe(self, ctx: HerokuContext, recorded: ConfigVarsRecord) -> ConfigVarsRecord | None:
        """Compare with the app; a variable that is passed on is compared where it is set, and never written down."""
        return observed_config_vars(ctx, self._snapshot, recorded)

    def change(self, recorded: ConfigVarsRecord, wanted: ConfigVarsRecord) -> Change:
        """Each change starts the dynos again."""
        names = [name for name in _names(recorded, wanted) if recorded.environment.get(name) != wanted.environment.get(name)]
        names += sorted(set(recorded.pass_environment) ^ set(wanted.pass_environment))
        protected = differences(recorded.limited_to(PROTECTION), wanted.limited_to(PROTECTION))
        return Change(self.name, "update", ", ".join(filter(None, [*names, protected])) or differences(recorded, wanted), GAP)

    def check(self, ctx: HerokuContext, wanted: ConfigVarsRecord, recorded: ConfigVarsRecord | None) -> None:
        """Snapshot for variables that are not set here."""
        _passed(wanted.pass_environment)
        passed_tokens(wanted)

    def apply(self, ctx: HerokuContext, wanted: ConfigVarsRecord, recorded: ConfigVarsRecord | None) -> ConfigVarsRecord:
        """Set what differs, in one change; a rollback of Heroku's brings them back by itself."""
        if ctx.put_back_of(ReleaseRecord) is not None:
            return wanted
        app = app_of(ctx)
        there = self._snapshot.config_vars(app) or {}
        values: dict[str, str | None] = {**wanted.environment, **_passed(wanted.pass_environment), **passed_tokens(wanted)}
        if recorded is not None:
            tokens = [TOKENS_VARIABLE] if recorded_protection(recorded)[TOKENS] == FROM_HERE else []
            before = [*recorded.environment, *recorded.pass_environment, *tokens]
            values |= {name: None for name in before if name not in values and name in there}
        changed = {name: value for name, value in values.items() if there.get(name) != value}
        size = sum(len(f"{name}{value}".encode()) for name, value in {**there, **values}.items() if value is not None)
        if size > CONFIG_VARS_BYTES:
            raise UserError(f"the config vars have {size} bytes together, and Heroku takes {CONFIG_VARS_BYTES}", code="config-vars-too-big")
        if changed:
            ctx.guard()
            self._snapshot.keep_config_vars(app.app_id, self._snapshot.heroku(app).set_config_vars(app.app_id, changed))
        return wanted


def wanted_config_vars(ctx: HerokuContext) -> ConfigVarsRecord:
    """Return the config vars that the declaration wants, with those that every server gets."""
    environment = {**ctx.variables, **ctx.deployment.environment}
    return ConfigVarsRecord(
        place=place(ctx),
        environment={**environment},
        pass_environment=sorted(ctx.deployment.pass_environment),
        **protection(environment, ctx.deployment.pass_environment),
    )


def observed_config_vars(ctx: HerokuContext, snapshot: Snapshot, recorded: ConfigVarsRecord) -> ConfigVarsRecord | None:
    """Return config vars as the app has them; None when it is gone."""
    app = ctx.record_of(AppRecord)
    values = snapshot.config_vars(app) if app is not None else None
    if values is None:
        return None
    environment = {name: values.get(name) for name in recorded.environment}
    return recorded.changed(environment=environment, pass_environment=_as_here(recorded, values), **seen_protection(recorded, values))


def _as_here(recorded: ConfigVarsRecord, values: Mapping[str, str]) -> list[str]:
    """Return the variables that are passed on and have, as far as can be known here, the value that they have here."""
    names = [name for name in recorded.pass_environment if name in values]
    return [name for name in names if name == TOKENS_VARIABLE or os.environ.get(name, values[name]) == values[name]]


def _names(recorded: ConfigVarsRecord, wanted: ConfigVarsRecord) -> Sequence[str]:
    return sorted({*recorded.environment, *wanted.environment})


def _passed(names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise UserError(
            f"{', '.join(missing)}: to be passed to the app, and not set here",
            code="variable-not-set",
            hint=f"export {missing[0]}=..., then repeat the command",
        )
    return {name: os.environ[name] for name in names}


class ImageStep(PushedImageStep["HerokuApp", "HerokuEnv", ImageRecord]):
    """The image, in the app's part of Heroku's registry.

    Args:
        snapshot: What Heroku said.
    """

    record = ImageRecord

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: HerokuContext) -> ImageRecord:
        """Want the image in the registry of this very app: another app has another."""
        return super().wanted(ctx).changed(place=place(ctx))

    def observe(self, ctx: HerokuContext, recorded: ImageRecord) -> ImageRecord | None:
        """Trust the registry as long as there is the app."""
        return None if self._snapshot.gone(ctx) else recorded

    def engine_address(self, ctx: HerokuContext) -> EngineAddress:
        """Return the Engine that builds."""
        return ctx.env.engine

    def repository(self, ctx: HerokuContext) -> str:
        """Return ``<app>/web``. Source: Dev Center, "Container Registry & Runtime", "Pushing an existing image" (read 2026-11)."""
        return f"{app_name(ctx)}/web"

    def registry_host(self, ctx: HerokuContext) -> str:
        """Return Heroku's registry."""
        return ctx.env.registry

    def credentials(self, ctx: HerokuContext) -> Mapping[str, str]:
        """Return the API key as a password. Source: as `repository`, "Logging in to the registry"."""
        from mlem_provider_heroku.credentials import api_key

        return {"username": "_", "password": api_key(ctx.env.api_url)}

    def expect_fit(self, ctx: HerokuContext, image: Mapping[str, Any]) -> None:
        """Refuse what Heroku would not start."""
        system = f"{image.get('Os')}/{image.get('Architecture')}"
        if system != "linux/amd64":
            raise DeclarationError(f"the image is for {system}, and Heroku runs linux/amd64", hint="leave --platform out")
        layers = len(image.get("RootFS", {}).get("Layers") or [])
        if layers > IMAGE_LAYERS:
            raise UserError(
                f"the image has {layers} layers, and Heroku may not start more than {IMAGE_LAYERS}",
                code="too-many-layers",
                hint="start from an image with fewer: --base_image",
            )


class ReleaseStep(OfApp[ReleaseRecord]):
    """The release of the image, with these config vars: Heroku numbers the pair."""

    record = ReleaseRecord

    def wanted(self, ctx: HerokuContext) -> ReleaseRecord:
        """Want this image and these config vars released, and the dynos up."""
        return ReleaseRecord(
            **wanted_config_vars(ctx).to_data(),
            model_hash=ctx.model.digest if ctx.model else None,
            tag=image_tag(ctx.deployment, ctx.model, ctx.lineage),
            situation=SITUATION,
        )

    def observe(self, ctx: HerokuContext, recorded: ReleaseRecord) -> ReleaseRecord | None:
        """Snapshot which release the dynos run, whether one is down, and whether config vars will change: that makes another release."""
        app, config = ctx.record_of(AppRecord), ctx.record_of(ConfigVarsRecord)
        dynos = self._snapshot.dynos(app) if app else None
        values = self._snapshot.config_vars(app) if app else None
        if dynos is None or values is None:
            return None
        live = observed_config_vars(ctx, self._snapshot, config) if config else None
        marked = values.get(LINEAGE_VAR) == ctx.lineage
        seen = self._situation(app, dynos, recorded.version) if app and marked else f"{LINEAGE_VAR} is not set"
        return recorded.changed(**(live.limited_to(_CONFIG).to_data() if live else {}), situation=seen)

    def _situation(self, app: AppRecord, dynos: Sequence[Mapping[str, Any]], version: int) -> str:
        foreign = None
        if not dynos or any(dyno["release"]["version"] > version for dyno in dynos):
            foreign = Foreign.of(self._snapshot.heroku(app).releases_since(app.app_id, version), version)
        return situation(dynos, version, foreign)

    def change(self, recorded: ReleaseRecord, wanted: ReleaseRecord) -> Change:
        """A release starts the dynos again, unless it is there already; what config vars have at Heroku is not shown."""
        words = [differences(recorded, wanted, without=(*_CONFIG, "situation"))]
        words += ["config vars"] if recorded.differing(wanted.limited_to(_CONFIG)) else []
        reason, there = ", ".join(filter(None, words)), recorded.situation.startswith(_TAKEN_OVER)
        return Change(self.name, "update", reason or recorded.situation, "" if there and not reason else GAP)

    def restart(self, ctx: HerokuContext, recorded: ReleaseRecord) -> ReleaseRecord | None:
        """Start the dynos again."""
        app = app_of(ctx)
        self._snapshot.heroku(app).restart(app.app_id)
        self._snapshot.forget(app.app_id)
        return recorded

    def apply(self, ctx: HerokuContext, wanted: ReleaseRecord, recorded: ReleaseRecord | None) -> ReleaseRecord:
        """Release the image, which Heroku ignores where it runs already; or roll back to the release that is put back."""
        app, earlier = app_of(ctx), ctx.put_back_of(ReleaseRecord)
        id_, heroku = app.app_id, self._snapshot.heroku(app)
        if earlier is not None:
            release = heroku.roll_back(id_, earlier.release_id, earlier.version)
            image_id = earlier.image_id
        else:
            image_id = _pushed_id(ctx)
            heroku.release_image(id_, image_id)
            release = heroku.newest_release(id_)
        if release.get("status") == "failed":
            message = f"release v{release['version']} of the app {app.app_name} failed"
            raise PlatformError(message, code="release-failed", hint=f"mlem deployment logs {ctx.name}")
        self._snapshot.forget(id_)
        if recorded is not None and recorded.release_id == release["id"]:
            heroku.restart(id_)  # the same release again: a dyno was down
        made = wanted.changed(release_id=release["id"], version=release["version"], image_id=image_id)
        return made.changed(adopted=earlier.adopted) if earlier is not None and earlier.adopted else made


def _pushed_id(ctx: HerokuContext) -> str:
    image = ctx.record_of(ImageRecord)
    if image is None or image.image_id is None:
        raise NotFoundError("no image is on record", code="image-not-found", hint=f"mlem deployment run --load {ctx.name}")
    return image.image_id


def situation(dynos: Sequence[Mapping[str, Any]], version: int, foreign: Foreign | None = None) -> str:
    """Say in what dynos differ from a release that runs; `SITUATION` when in nothing, and where there are none.

    Args:
        dynos: The dynos.
        version: The version on record.
        foreign: What somebody else released since.
    """
    if foreign is not None and not foreign.same_model:
        return f"release v{foreign.version} runs instead: {foreign.what}"
    for dyno in dynos:
        if dyno["release"]["version"] < version:
            return f"{dyno['name']} runs release v{dyno['release']['version']}"
        if dyno["state"] not in UP and dyno["state"] not in ("starting", "restarting"):
            return f"{dyno['name']} is {dyno['state']}"
    return SITUATION if foreign is None else f"{_TAKEN_OVER} release v{foreign.version}: {foreign.what}"


class ScaleStep(OfApp[ScaleRecord]):
    """How many dynos of which size."""

    record = ScaleRecord

    def wanted(self, ctx: HerokuContext) -> ScaleRecord:
        """Want this many web dynos of this size."""
        return ScaleRecord(place=place(ctx), dyno_size=ctx.deployment.dyno_size, quantity=ctx.deployment.quantity)

    def observe(self, ctx: HerokuContext, recorded: ScaleRecord) -> ScaleRecord | None:
        """Count the dynos."""
        app = ctx.record_of(AppRecord)
        dynos = self._snapshot.dynos(app) if app else None
        if dynos is None:
            return None
        sizes = {str(dyno["size"]).lower() for dyno in dynos} or {recorded.dyno_size}
        return recorded.changed(dyno_size="/".join(sorted(sizes)), quantity=len(dynos))

    def change(self, recorded: ScaleRecord, wanted: ScaleRecord) -> Change:
        """More or fewer dynos are noticed by nobody; another size starts them again."""
        gap = GAP if recorded.dyno_size != wanted.dyno_size else ""
        return Change(self.name, "update", differences(recorded, wanted), gap)

    def apply(self, ctx: HerokuContext, wanted: ScaleRecord, recorded: ScaleRecord | None) -> ScaleRecord:
        """Scale the web dynos."""
        app, size, quantity = app_of(ctx), wanted.dyno_size, wanted.quantity
        if size in ONE_DYNO_SIZES and quantity > 1:
            ctx.report(f"Heroku's documentation allows one {size} dyno of a process type; {quantity} need standard-1x or larger")
        self._snapshot.heroku(app).scale(app.app_id, quantity, size)
        self._snapshot.forget(app.app_id)
        return wanted
