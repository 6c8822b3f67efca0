"""`Listing`: which models a server has, where they are, and whether all of them may be asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from mlem_server.http.request import Handler, Reply, Request
from mlem_server.http.response import Response, json_response, to_json
from mlem_server.inference.readiness import READY
from mlem_server.models.place import Place


class Listing:
    """Answers questions about all models.

    Args:
        places: Where they are.
    """

    def __init__(self, places: Collection[Place]) -> None:
        self._places = places

    def ready(self, request: Request, reply: Reply) -> None:
        """Answer with 200 when all models can be called, otherwise with 503 and the reasons."""
        if len(self._places) == 1:
            next(iter(self._places)).served.health.ready(request, reply)
            return
        waiting = [place for place in self._places if place.readiness is not READY]
        body: dict[str, Any] = {"status": waiting[0].readiness.status if waiting else "ready"}
        body["models"] = {place.name: self._state(place) for place in self._places}
        if not waiting:
            reply(json_response(body))
        else:
            body["reason"] = "; ".join(f"{place.name}: {place.readiness.reason}" for place in waiting)
            reply(Response(503, to_json(body), headers={"retry-after": "1"}))

    def models(self, base: str) -> Handler:
        """Return what answers with names, states and addresses.

        Args:
            base: What a relative address begins with; empty where the only model is at the root.
        """

        def answer(_request: Request, reply: Reply) -> None:
            models = [
                {
                    "name": place.name,
                    **self._state(place),
                    "address": f"{base}{quote(place.name, safe='')}/" if place.prefix else "./",
                }
                for place in self._places
            ]
            reply(json_response({"models": models}))

        return answer

    def index(self, _request: Request, reply: Reply) -> None:
        """Answer Triton's question for the models of a repository, which KServe's clients ask, too.

        Source: Triton Inference Server, "Model Repository Extension", section "Index",
        https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md (read
        2026-11).
        """
        states = {"ready": "READY", "loading": "LOADING"}
        index = [
            {
                "name": place.name,
                "version": place.served.digest,
                "state": states.get(place.readiness.status, "UNAVAILABLE"),
                "reason": place.readiness.reason,
            }
            for place in self._places
        ]
        reply(Response(200, to_json(index)))

    def _state(self, place: Place) -> dict[str, str]:
        return {"status": place.readiness.status, "model": place.served.digest}
