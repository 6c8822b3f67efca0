"""Readiness: whether the model can be called, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response, json_response, to_json


@dataclass(frozen=True)
class Readiness:
    """Where a server is in its life.

    Attributes:
        status: The model can be called only when it is ``ready``; ``busy`` means that a call takes longer than a caller
            may wait.
        reason: Why it can't be called; empty when it can.
    """

    status: Literal["loading", "ready", "busy", "hanging", "failed", "stopping"]
    reason: str = ""


LOADING = Readiness("loading", "the model is being loaded")
READY = Readiness("ready")
STOPPING = Readiness("stopping", "the server is stopping")


class Health:
    """Whether the model can be called, for load balancers and platforms.

    Args:
        digest: The model's digest.

    Attributes:
        readiness: Where the server is in its life.
    """

    def __init__(self, digest: str) -> None:
        self.readiness: Readiness = LOADING
        self._digest = digest

    def ready(self, request: Request, reply: Reply) -> None:
        """Answer with 200 when the model can be called, otherwise with 503 and the reason."""
        body = {"status": self.readiness.status, "model": self._digest}
        if self.readiness is READY:
            reply(json_response(body))
        else:
            reply(Response(503, to_json({**body, "reason": self.readiness.reason}), headers={"retry-after": "1"}))
