"""The service: what answers callers. It is changed in place, and a foreign one of its name is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from mlem import ConflictError, Record, Step, UserError
from mlem.provider import passed_tokens, protection, seen_protection
from pydantic import Field

from mlem_provider_nimbus.api import Found, Nimbus
from mlem_provider_nimbus.env import NimbusEnv
from mlem_provider_nimbus.names import service_name
from mlem_provider_nimbus.steps.bundle import BundleRecord, bundle_id

if TYPE_CHECKING:
    from mlem import Context

    from mlem_provider_nimbus.deployment import NimbusService


class ServiceRecord(Record):
    """What is wanted of the service, and what it is."""

    step: ClassVar[str] = "service"

    model_hash: str | None = None
    name: str = ""
    size: int = 0
    passed: list[str] = Field(default=[])
    tokens: str | None = None
    tls: str | None = None
    url: str = ""


class ServiceStep(Step["NimbusService", NimbusEnv, ServiceRecord]):
    """The service: its server has the model's bundle, and the variables that are passed on to it."""

    record = ServiceRecord
    serves: ClassVar[bool] = True

    def wanted(self, ctx: Context[NimbusService, NimbusEnv]) -> ServiceRecord:
        """Want a service of this model, of this size, with the tokens of this command."""
        return ServiceRecord(
            model_hash=ctx.model.digest if ctx.model else None,
            name=service_name(ctx.name),
            size=ctx.deployment.size,
            passed=sorted(ctx.deployment.pass_environment),
            **protection(ctx.variables),
        )

    def check(
        self, ctx: Context[NimbusService, NimbusEnv], wanted: ServiceRecord, recorded: ServiceRecord | None
    ) -> None:
        """Refuse a name that somebody else has, before anything is made."""
        self._expect_ours(ctx, wanted.name)

    def observe(self, ctx: Context[NimbusService, NimbusEnv], recorded: ServiceRecord) -> ServiceRecord | None:
        """Look at it as it really is; None where it is gone, does not run, or is somebody else's by now."""
        found = Nimbus.of(ctx.env).service(recorded.name)
        if found is None or found["label"] != ctx.lineage or not found["running"]:
            return None
        there, here = found["variables"], {**os.environ, **ctx.variables}
        passed = [
            name if there.get(name) == here.get(name, there.get(name)) else f"{name}, with another value"
            for name in recorded.passed
        ]
        return recorded.changed(size=found["size"], passed=passed, **seen_protection(recorded, there))

    def apply(
        self, ctx: Context[NimbusService, NimbusEnv], wanted: ServiceRecord, recorded: ServiceRecord | None
    ) -> ServiceRecord:
        """Create it, or change what is ours."""
        variables = {**self._passed(ctx, wanted), **passed_tokens(wanted)}  # what is missing is said before it changes
        self._expect_ours(ctx, wanted.name)
        bundle = ctx.record_of(BundleRecord)
        id_ = bundle.id if bundle is not None else bundle_id(ctx.lineage, str(wanted.model_hash))
        ctx.guard()
        request: Found = {"label": ctx.lineage, "bundle": id_, "size": wanted.size, "variables": variables}
        made = Nimbus.of(ctx.env).put_service(wanted.name, request)
        if recorded is not None and recorded.name != wanted.name:
            self._remove(ctx, recorded.name)
        return wanted.changed(url=made["url"])

    def restart(self, ctx: Context[NimbusService, NimbusEnv], recorded: ServiceRecord) -> ServiceRecord:
        """Start it again, with the present values of what is passed on."""
        return self.apply(ctx, recorded, recorded)

    def remove(self, ctx: Context[NimbusService, NimbusEnv], recorded: ServiceRecord | None) -> None:
        """Delete it where it is ours; also one that a killed run made and did not record."""
        for name in {service_name(ctx.name), *([recorded.name] if recorded is not None else [])}:
            self._remove(ctx, name)

    def _remove(self, ctx: Context[NimbusService, NimbusEnv], name: str) -> None:
        nimbus = Nimbus.of(ctx.env)
        found = nimbus.service(name)
        if found is not None and found["label"] == ctx.lineage:
            ctx.guard()
            nimbus.delete_service(name)

    def _expect_ours(self, ctx: Context[NimbusService, NimbusEnv], name: str) -> None:
        found = Nimbus.of(ctx.env).service(name)
        if found is not None and found["label"] != ctx.lineage:
            raise ConflictError(
                f"the service {name} on Nimbus is not this deployment's", code="not-ours", hint="rename the deployment"
            )

    def _passed(self, ctx: Context[NimbusService, NimbusEnv], wanted: ServiceRecord) -> dict[str, str]:
        variables = {**os.environ, **ctx.variables}
        missing = [name for name in wanted.passed if name not in variables]
        if missing:
            raise UserError(
                f"pass_environment: {missing[0]} is not set here",
                code="variable-not-set",
                hint=f"export {missing[0]}=..., then repeat the command",
            )
        return {name: variables[name] for name in wanted.passed}
