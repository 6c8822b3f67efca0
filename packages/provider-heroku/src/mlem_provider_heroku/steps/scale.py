"""`ScaleStep`: how many dynos of which size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import Change
from mlem.provider import (
    differences,
)
from mlem_provider_heroku.api.limits import ONE_DYNO_SIZES
from mlem_provider_heroku.names import place
from mlem_provider_heroku.records import AppRecord, ScaleRecord
from mlem_provider_heroku.steps.snapshot import app_of

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuContext
from mlem_provider_heroku.steps.of_app import GAP, OfApp


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
        """More or fewer dynos are noticed by nobody.

        Another size starts them again.
        """
        gap = GAP if recorded.dyno_size != wanted.dyno_size else ""
        return Change(self.name, "update", differences(recorded, wanted), gap)

    def apply(self, ctx: HerokuContext, wanted: ScaleRecord, recorded: ScaleRecord | None) -> ScaleRecord:
        """Scale the web dynos."""
        app, size, quantity = app_of(ctx), wanted.dyno_size, wanted.quantity
        if size in ONE_DYNO_SIZES and quantity > 1:
            ctx.report(
                f"Heroku's documentation allows one {size} dyno of a process type; "
                f"{quantity} need standard-1x or larger"
            )
        self._snapshot.heroku(app).scale(app.app_id, quantity, size)
        self._snapshot.forget(app.app_id)
        return wanted
