"""`OfApp`: a resource that an app has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mlem import Record, Step
from mlem_provider_heroku.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem_provider_heroku.deployment import HerokuApp, HerokuContext
    from mlem_provider_heroku.env import HerokuEnv


RecordT = TypeVar("RecordT", bound=Record)

GAP = "the dynos start again, some seconds to a minute: Heroku starts the new ones when it stops the old"
"""What a caller notices of whatever starts the dynos of an app again."""


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
