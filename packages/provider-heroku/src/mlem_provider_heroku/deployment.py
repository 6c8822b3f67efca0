"""A deployment as an app of Heroku."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import Field, field_validator

from mlem import Context, Deployment, NotFoundError, Phase, Status, Step
from mlem.provider import BY_OTHERS, Adopted, Candidate, Translation, check_variable_names, served_by_others
from mlem_image import PushedImageOptions
from mlem_provider_heroku.api.limits import (
    APP_NAME,
    CONFIG_VAR_NAME,
    DYNO_MEMORY_MIB,
    LOG_LINES,
    MOST_DYNOS,
    REQUEST_TIMEOUT_S,
)
from mlem_provider_heroku.names import LINEAGE_VAR, app_name
from mlem_provider_heroku.records import AppRecord, ReleaseRecord
from mlem_provider_heroku.steps.app import AppStep
from mlem_provider_heroku.steps.config_vars import ConfigVarsStep
from mlem_provider_heroku.steps.image import ImageStep
from mlem_provider_heroku.steps.release import ReleaseStep
from mlem_provider_heroku.steps.scale import ScaleStep
from mlem_provider_heroku.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem import Client, State
    from mlem_provider_heroku.env import HerokuEnv

    HerokuContext: TypeAlias = Context["HerokuApp", HerokuEnv]


class HerokuApp(PushedImageOptions, Deployment):
    """An app of Heroku that runs an image which is built of the model."""

    type: ClassVar[str] = "heroku"
    env_type: ClassVar[str] = "heroku"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"address", "adopt", "logs", "maintenance", "previous-logs", "promote", "recover", "restart", "rollback"}
    )

    app_name: str | None = Field(
        default=None,
        pattern=APP_NAME,
        description="name of the app, which no other app of Heroku has (default: the deployment's name)",
    )
    region: str = Field(default="us", pattern=r"^[a-z][a-z0-9-]*$", description="region of the app: us or eu")
    dyno_size: str = Field(
        default="basic", description=f"size of the dynos: {', '.join(list(DYNO_MEMORY_MIB)[:9])}, ..."
    )
    quantity: Annotated[int, Field(ge=1, le=MOST_DYNOS)] = Field(
        default=1, description="number of web dynos; Heroku's documentation allows one of the sizes eco and basic"
    )
    environment: dict[str, str] = Field(
        default={},
        description="config vars of the app; for secrets see pass_environment; "
        "tokens come from this command's MLEM_SERVER_TOKENS",
    )
    pass_environment: list[str] = Field(
        default=[],
        description="names of variables that become config vars with their values here; "
        "the values reach no file of mlem",
    )
    platform: str | None = Field(default="linux/amd64", description="platform of the image; Heroku runs linux/amd64")

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``stack``, ``team``, ``server``."""
        from mlem_provider_heroku.legacy import translate_deployment

        return translate_deployment(fields, source, prefix)

    def words_04(self, old: Mapping[str, Any]) -> str:
        """See `Deployment.words_04`."""
        from mlem_provider_heroku.steps.adoption import words

        return words(old)

    def adopt_04(self, ctx: HerokuContext, old: Mapping[str, Any]) -> Adopted:
        """See `Deployment.adopt_04`: the app on record, which gets our mark."""
        from mlem_provider_heroku.steps.adoption import adopt

        return adopt(ctx, Snapshot(ctx).heroku(None), old)

    @field_validator("dyno_size")
    @classmethod
    def _check_size(cls, size: str) -> str:
        if size.lower() not in DYNO_MEMORY_MIB:
            raise ValueError(f'"{size}" is not a size of a dyno; known: {", ".join(DYNO_MEMORY_MIB)}')
        return size.lower()

    @field_validator("environment", "pass_environment")
    @classmethod
    def _check_names(cls, variables: Any) -> Any:
        check_variable_names(variables)
        for name in variables:
            if not re.fullmatch(CONFIG_VAR_NAME, name) or name.startswith("HEROKU_") or name in (LINEAGE_VAR, "PORT"):
                raise ValueError(f'"{name}" is not a config var that may be set')
        return variables

    def candidates(self, ctx: HerokuContext, id_: str | None) -> Sequence[Candidate]:
        """See `Deployment.candidates`: the app of this name, or of the deployment's."""
        from mlem_provider_heroku.steps.adoption import candidates

        return candidates(Snapshot(ctx).heroku(None), id_ or app_name(ctx))

    def adopt(self, ctx: HerokuContext, id_: str) -> Adopted:
        """See `Deployment.adopt`: an app, which gets our mark."""
        from mlem_provider_heroku.steps.adoption import adopt

        return adopt(ctx, Snapshot(ctx).heroku(None), {"app": {"name": id_}}, BY_OTHERS)

    def steps(self, ctx: HerokuContext) -> Sequence[Step[HerokuApp, HerokuEnv, Any]]:
        """Return the app, its config vars, the image, the release, the dynos."""
        snapshot = Snapshot(ctx)
        return [
            AppStep(snapshot),
            ConfigVarsStep(snapshot),
            ImageStep(snapshot),
            ReleaseStep(snapshot),
            ScaleStep(snapshot),
        ]

    def status(self, ctx: HerokuContext, state: State) -> Status:
        """Ask Heroku for the dynos, then the server whether it is ready."""
        from mlem_provider_heroku.status import status

        app, release, url = state.record_of(AppRecord), state.record_of(ReleaseRecord), self.address(ctx, state)
        if app is None or release is None or url is None:
            return Status(Phase.STOPPED, "nothing was released")
        return status(Snapshot(ctx).heroku(app), app, release, url, ctx.name)

    def address(self, ctx: HerokuContext, state: State) -> str | None:
        """Return the app's public address, with TLS."""
        app = state.record_of(AppRecord)
        if app is None:
            return None
        template = ctx.env.app_address
        if template is not None:
            return template.replace("{app_name}", app.app_name)
        url = app.web_url
        # Heroku serves both; the API of older apps says http. Source: Dev Center, "Automated Certificate Management"
        # (read 2026-11)
        return re.sub(r"^http://", "https://", url).rstrip("/") if url else None

    def client(self, ctx: HerokuContext, state: State) -> Client:
        """Return an HTTP client."""
        from mlem.provider import HttpClient

        release = state.record_of(ReleaseRecord)
        if release is not None and release.adopted:
            raise served_by_others(ctx.name, release.adopted)
        url = self.address(ctx, state)
        if url is None:
            raise NotFoundError(
                f'"{ctx.name}" has no app', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
            )
        return HttpClient(url=url, timeout_s=REQUEST_TIMEOUT_S + 5)

    def logs(self, ctx: HerokuContext, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield what Heroku has of the app's log: the server's lines, the dynos' and the router's."""
        from mlem_provider_heroku.api import logs

        app = state.record_of(AppRecord)
        if app is None:
            return
        heroku, lines = Snapshot(ctx).heroku(app), LOG_LINES if tail is None else min(max(tail, 1), LOG_LINES)
        yield from (logs.follow if follow else logs.read)(heroku, app.app_id, lines)

    def previous_logs(self, ctx: HerokuContext, state: State) -> Iterator[str]:
        """Yield what each web dyno wrote before its last start, of what Heroku has of the app's log."""
        from mlem_provider_heroku.api import logs

        app = state.record_of(AppRecord)
        found = [] if app is None else logs.previous(list(logs.read(Snapshot(ctx).heroku(app), app.app_id, LOG_LINES)))
        if not found:
            raise NotFoundError(
                f"nothing is kept of earlier dynos: Heroku has the last {LOG_LINES} lines of an app",
                code="no-previous-log",
                hint="a log drain keeps more: heroku drains:add",
            )
        yield from found

    def maintenance(self, ctx: HerokuContext, state: State, *, on: bool | None = None) -> bool:
        """Have Heroku's router answer in the app's place, or end that; say how it is."""
        from mlem_provider_heroku.steps.maintenance import maintenance

        app = state.record_of(AppRecord)
        if app is None:
            raise NotFoundError(
                f'"{ctx.name}" has no app', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
            )
        return maintenance(ctx, app, on=on)
