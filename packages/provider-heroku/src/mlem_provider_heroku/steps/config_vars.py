"""`ConfigVarsStep`: the config vars of an app."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlem import Change, UserError
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
from mlem_provider_heroku.api.limits import CONFIG_VARS_BYTES
from mlem_provider_heroku.names import place
from mlem_provider_heroku.records import AppRecord, ConfigVarsRecord, ReleaseRecord
from mlem_provider_heroku.steps.snapshot import Snapshot, app_of

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuContext
from mlem_provider_heroku.steps.of_app import GAP, OfApp

CONFIG_FIELDS = ("environment", "pass_environment", *PROTECTION)
"""What a record says of the config vars."""


class ConfigVarsStep(OfApp[ConfigVarsRecord]):
    """The config vars: the declared ones, and those that are passed on from where the command runs."""

    record = ConfigVarsRecord

    def wanted(self, ctx: HerokuContext) -> ConfigVarsRecord:
        """Want these values, and those names with the values that they have here."""
        return wanted_config_vars(ctx)

    def observe(self, ctx: HerokuContext, recorded: ConfigVarsRecord) -> ConfigVarsRecord | None:
        """Compare with the app.

        A variable that is passed on is compared where it is set, and never written down.
        """
        return observed_config_vars(ctx, self._snapshot, recorded)

    def change(self, recorded: ConfigVarsRecord, wanted: ConfigVarsRecord) -> Change:
        """Each change starts the dynos again."""
        names = [
            name for name in _names(recorded, wanted) if recorded.environment.get(name) != wanted.environment.get(name)
        ]
        names += sorted(set(recorded.pass_environment) ^ set(wanted.pass_environment))
        protected = differences(recorded.limited_to(PROTECTION), wanted.limited_to(PROTECTION))
        return Change(
            self.name, "update", ", ".join(filter(None, [*names, protected])) or differences(recorded, wanted), GAP
        )

    def check(self, ctx: HerokuContext, wanted: ConfigVarsRecord, recorded: ConfigVarsRecord | None) -> None:
        """Snapshot for variables that are not set here."""
        _passed(wanted.pass_environment)
        passed_tokens(wanted)

    def apply(
        self, ctx: HerokuContext, wanted: ConfigVarsRecord, recorded: ConfigVarsRecord | None
    ) -> ConfigVarsRecord:
        """Set what differs, in one change.

        A rollback of Heroku's brings them back by itself.
        """
        if ctx.put_back_of(ReleaseRecord) is not None:
            return wanted
        app = app_of(ctx)
        there = self._snapshot.config_vars(app) or {}
        values: dict[str, str | None] = {
            **wanted.environment,
            **_passed(wanted.pass_environment),
            **passed_tokens(wanted),
        }
        if recorded is not None:
            tokens = [TOKENS_VARIABLE] if recorded_protection(recorded)[TOKENS] == FROM_HERE else []
            before = [*recorded.environment, *recorded.pass_environment, *tokens]
            values |= {name: None for name in before if name not in values and name in there}
        changed = {name: value for name, value in values.items() if there.get(name) != value}
        size = sum(len(f"{name}{value}".encode()) for name, value in {**there, **values}.items() if value is not None)
        if size > CONFIG_VARS_BYTES:
            raise UserError(
                f"the config vars have {size} bytes together, and Heroku takes {CONFIG_VARS_BYTES}",
                code="config-vars-too-big",
            )
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
    """Return config vars as the app has them.

    The result is None when it is gone.
    """
    app = ctx.record_of(AppRecord)
    values = snapshot.config_vars(app) if app is not None else None
    if values is None:
        return None
    environment = {name: values.get(name) for name in recorded.environment}
    return recorded.changed(
        environment=environment, pass_environment=_as_here(recorded, values), **seen_protection(recorded, values)
    )


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
