"""Readiness: whether the model may be asked, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Readiness:
    """Where a server is in its life.

    Attributes:
        status: ``ready`` is the only one in which the model may be asked; ``busy`` is one call that takes longer than a caller may wait.
        reason: Why it may not; empty when it may.
    """

    status: Literal["loading", "ready", "busy", "hanging", "failed", "stopping"]
    reason: str = ""


LOADING = Readiness("loading", "the model is being loaded")
READY = Readiness("ready")
STOPPING = Readiness("stopping", "the server is stopping")
