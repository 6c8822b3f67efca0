"""`ReleaseStep`: the release of an app, and what its dynos do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import Change, NotFoundError, PlatformError
from mlem.provider import (
    differences,
)
from mlem_provider_heroku.names import LINEAGE_VAR
from mlem_provider_heroku.records import AppRecord, ConfigVarsRecord, ImageRecord, ReleaseRecord
from mlem_provider_heroku.steps.foreign import Foreign
from mlem_provider_heroku.steps.image import ImageStep
from mlem_provider_heroku.steps.maintenance import expect_no_maintenance
from mlem_provider_heroku.steps.snapshot import UP, app_of

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuContext
from mlem_provider_heroku.steps.config_vars import CONFIG_FIELDS, observed_config_vars, wanted_config_vars
from mlem_provider_heroku.steps.of_app import GAP, OfApp

SITUATION = "up"
"""The situation of dynos that are as they were left."""


_TAKEN_OVER = "takes over"
"""What the situation begins with where somebody else has released the same image: it goes on record, and nothing starts
again."""


class ReleaseStep(OfApp[ReleaseRecord]):
    """The release of the image, with these config vars: Heroku numbers the pair."""

    record = ReleaseRecord
    serves = True

    def wanted(self, ctx: HerokuContext) -> ReleaseRecord:
        """Want this image and these config vars released, and the dynos up."""
        return ReleaseRecord(
            **wanted_config_vars(ctx).to_data(),
            model_hash=ctx.model.digest if ctx.model else None,
            tag=ImageStep(self._snapshot).tag(ctx),
            situation=SITUATION,
        )

    def observe(self, ctx: HerokuContext, recorded: ReleaseRecord) -> ReleaseRecord | None:
        """Snapshot which release the dynos run, whether one is down, and whether config vars will change.

        That makes another release.
        """
        app, config = ctx.record_of(AppRecord), ctx.record_of(ConfigVarsRecord)
        dynos = self._snapshot.dynos(app) if app else None
        values = self._snapshot.config_vars(app) if app else None
        if dynos is None or values is None:
            return None
        live = observed_config_vars(ctx, self._snapshot, config) if config else None
        marked = values.get(LINEAGE_VAR) == ctx.lineage
        seen = self._situation(app, dynos, recorded.version) if app and marked else f"{LINEAGE_VAR} is not set"
        return recorded.changed(**(live.limited_to(CONFIG_FIELDS).to_data() if live else {}), situation=seen)

    def _situation(self, app: AppRecord, dynos: Sequence[Mapping[str, Any]], version: int) -> str:
        foreign = None
        if not dynos or any(dyno["release"]["version"] > version for dyno in dynos):
            foreign = Foreign.of(self._snapshot.heroku(app).releases_since(app.app_id, version), version)
        return situation(dynos, version, foreign)

    def change(self, recorded: ReleaseRecord, wanted: ReleaseRecord) -> Change:
        """A release starts the dynos again, unless it is there already.

        What config vars have at Heroku is not shown.
        """
        words = [differences(recorded, wanted, without=(*CONFIG_FIELDS, "situation"))]
        words += ["config vars"] if recorded.differing(wanted.limited_to(CONFIG_FIELDS)) else []
        reason, there = ", ".join(filter(None, words)), recorded.situation.startswith(_TAKEN_OVER)
        return Change(self.name, "update", reason or recorded.situation, "" if there and not reason else GAP)

    def restart(self, ctx: HerokuContext, recorded: ReleaseRecord) -> ReleaseRecord | None:
        """Start the dynos again."""
        app = app_of(ctx)
        expect_no_maintenance(ctx, self._snapshot, app)
        self._snapshot.heroku(app).restart(app.app_id)
        self._snapshot.forget(app.app_id)
        return recorded

    def apply(self, ctx: HerokuContext, wanted: ReleaseRecord, recorded: ReleaseRecord | None) -> ReleaseRecord:
        """Release the image, which Heroku ignores where it runs already.

        Or roll back to the release that is put back.
        """
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
        raise NotFoundError(
            "no image is on record", code="image-not-found", hint=f"mlem deployment run --load {ctx.name}"
        )
    return image.image_id


def situation(dynos: Sequence[Mapping[str, Any]], version: int, foreign: Foreign | None = None) -> str:
    """Say in what dynos differ from a release that runs.

    The result is `SITUATION` where nothing differs, and where there are none.

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
