"""Hangs: a model that takes too long for one call is reported, and given up in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mlem_server.http.errors import HttpError
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.dispatching.stall import Stall
from mlem_server.inference.readiness import READY, Readiness
from mlem_server.telemetry.model_numbers import ModelNumbers

log = logging.getLogger("mlem.server")


class HangDetector:
    """Reports calls that take too long, and decides when to give up the model.

    Args:
        name: The model's name.
        late_s: How long a caller may wait: a longer call is reported, and the server is not ready in the meantime.
        bound_s: How long a call may take before the model counts as hanging; 0 for no limit.
        numbers: Where both are counted.

    Attributes:
        on_hang: Called when the model hangs, after its callers were told.
    """

    def __init__(self, name: str, late_s: float, bound_s: float, numbers: ModelNumbers) -> None:
        self._name = name
        self._late_s = late_s
        self._bound_s = bound_s
        self._numbers = numbers
        self._late = False
        self.on_hang: Callable[[], None] = lambda: None

    def look(self, before: Readiness, dispatcher: Dispatcher) -> Readiness:
        """Return how ready the model is, and report what is new; answer everybody when it hangs.

        Args:
            before: How ready it was.
            dispatcher: Where it is called.
        """
        if before.status not in ("ready", "busy"):
            return before
        found = self._judge(dispatcher.stall())
        if found.status == "hanging":
            dispatcher.give_up(_given_up)
            self.on_hang()
        return found

    def _judge(self, stall: Stall | None) -> Readiness:
        if stall is None or stall.seconds <= self._late_s:
            if self._late:
                log.info("the model %s has come back: ready again", self._name)
            self._late = False
            return READY
        if self._bound_s and stall.seconds > self._bound_s:
            return self._hangs(stall)
        if not self._late:
            self._late = True
            self._numbers.late()
            log.warning(
                "%s has been at work for %.3g s, longer than a caller may wait: %s is not ready until it ends",
                stall, stall.seconds, self._name, extra={"facts": {**stall.facts(), "model": self._name}},
            )  # fmt: skip
        return Readiness("busy", f"the model has been at one call for more than {self._late_s:g} s")

    def _hangs(self, stall: Stall) -> Readiness:
        self._numbers.hangs()
        where = stall.where if isinstance(stall.where, str) else stall.where()
        log.error("%s hangs, after %.3g s of work (--hang-timeout-s %g): this process ends, to be started again; "
                  "%s is at\n%s",
                  stall, stall.seconds, self._bound_s, self._name, where,
                  extra={"facts": {**stall.facts(), "model": self._name}})  # fmt: skip
        return Readiness("hanging", f"the model hangs: it has been at one call for more than {self._bound_s:g} s")


def _given_up() -> HttpError:
    return HttpError(
        503, "model-hangs", "the model hangs, and the server is started again", headers={"retry-after": "1"}
    )
