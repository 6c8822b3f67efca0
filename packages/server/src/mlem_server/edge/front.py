"""`Front`: what happens to a request before its handler gets it, and to an answer before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mlem_server.decoding.threads import LARGE_BYTES, DecodingThreads
from mlem_server.edge.compression import packed, packs, unpacked
from mlem_server.edge.cors import Cors
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.errors import overloaded
from mlem_server.http.request import Handler, Reply, Request
from mlem_server.http.response import Response
from mlem_server.settings import Settings


class Front:
    """Unpacks bodies, packs answers, and lets pages of other origins read them.

    Args:
        settings: Which origins, and the largest body.
        threads: Where bodies are unpacked, and large answers packed.
        budget: The memory for bodies.
        failed: Gives the answer where unpacking fails.

    Attributes:
        cors: Which origins may read answers.
    """

    def __init__(
        self,
        settings: Settings,
        threads: DecodingThreads,
        budget: BodyBudget,
        failed: Callable[[Request, BaseException], Response],
    ) -> None:
        self.cors = Cors(settings.cors_origins)
        self._packs = settings.compression
        self._max_body_bytes = settings.max_body_bytes
        self._threads = threads
        self._budget = budget
        self._failed = failed

    def handle(self, request: Request, reply: Reply, handler: Handler) -> None:
        """Have a request answered by its handler."""
        headers = request.headers
        if b"accept-encoding" in headers or b"origin" in headers:
            reply = partial(self._finish, request, reply)
        if not request.coding:
            handler(request, reply)
            return

        def ready(outcome: bytearray | Exception) -> None:
            request.cancel = None
            try:
                if isinstance(outcome, Exception):
                    raise outcome
                if not self._budget.reserve(request, len(outcome)):
                    raise overloaded()
                request.body = outcome
                handler(request, reply)
            except Exception as error:
                reply(self._failed(request, error))

        body = request.body
        request.cancel = self._threads.submit(
            lambda: unpacked(body, request.coding, self._max_body_bytes), ready
        ).cancel

    def _finish(self, request: Request, reply: Reply, response: Response) -> None:
        response = self.cors.allow(request, response)
        coding = packs(response, request.headers.get(b"accept-encoding", b"")) if self._packs else ""
        if not coding or request.method == "HEAD":
            reply(response)
        elif len(response.body) <= LARGE_BYTES:
            reply(packed(response, coding))
        else:

            def ready(outcome: Response | Exception) -> None:
                request.cancel = None
                reply(outcome if isinstance(outcome, Response) else response)

            request.cancel = self._threads.submit(lambda: packed(response, coding), ready).cancel
