"""`Recorder`: keeps a share of the calls, within bounds of memory and space, and keeps no caller waiting."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable

from mlem_model.errors import MlemError
from mlem_server.http.request import Request
from mlem_server.http.response import Response
from mlem_server.recording.recorded_call import Content, RecordedCall
from mlem_server.recording.store import Store

log = logging.getLogger("mlem.server")

EVERY_S = 60.0
"""What was recorded is written so often, or as soon as there is much of it."""
_MUCH_BYTES = 4 * 2**20
_WAITING_BYTES = 16 * 2**20
"""So much may wait to be written; what comes then is dropped, and counted."""
_END_S = 10.0
Count = Callable[[str, int], None]
"""Told how many calls were ``written``, ``dropped`` or ``failed``."""


class Recorder:
    """Writes calls on a thread of its own.

    Args:
        store: Where to.
        share: The share of calls that is kept, up to 1.
        most_bytes: When so much was written, no more is.
        count: Counts calls; called on the recorder's thread, too.
    """

    def __init__(self, store: Store, share: float, most_bytes: int, count: Count) -> None:
        self._store = store
        self._share = share
        self._left_bytes = most_bytes
        self._count = count
        self._kept: dict[Request, Content] = {}
        self._work: queue.SimpleQueue[RecordedCall | None] = queue.SimpleQueue()
        self._put_bytes = self._taken_bytes = 0  # each is written by one thread
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="mlem-recorder", daemon=True)
        self._thread.start()

    def begin(self, request: Request) -> None:
        """Choose whether a call is kept; to be called while its body is there."""
        if self._left_bytes > 0 and random.random() < self._share:  # noqa: S311  # a sample, no secret
            self._kept[request] = Content.of(request.media_type, request.body)

    def end(self, request: Request, response: Response | None, seconds: float = 0.0) -> None:
        """Keep a call that was chosen; it is written soon.

        Args:
            request: The call.
            response: The answer; None where nobody waited for it.
            seconds: What it took.
        """
        body = self._kept.pop(request, None)
        if body is None or response is None:
            return
        call = RecordedCall.of(request, body, response, seconds)
        if self._put_bytes - self._taken_bytes + call.size_bytes > _WAITING_BYTES:
            self._count("dropped", 1)
            return
        self._put_bytes += call.size_bytes
        self._work.put(call)

    def close(self) -> None:
        """Write what is left, for some seconds at most."""
        self._work.put(None)
        self._thread.join(_END_S)

    def _run(self) -> None:
        going = True
        while going:
            going = self._write_batch()

    def _write_batch(self) -> bool:
        """Wait for calls, and write them; return whether there may be more."""
        lines: list[bytes] = []
        size_bytes = held_bytes = 0
        until, going = None, True
        while size_bytes < _MUCH_BYTES:
            try:
                call = self._work.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if call is None:
                going = False
                break
            until = until or time.monotonic() + EVERY_S
            lines.append(call.to_line())
            size_bytes += len(lines[-1])
            held_bytes += call.size_bytes
        if lines:
            self._write(lines)
            self._taken_bytes += held_bytes
        return going

    def _write(self, lines: list[bytes]) -> None:
        if self._left_bytes <= 0:
            self._count("dropped", len(lines))
            return
        try:
            self._left_bytes -= self._store.write(lines)
        except MlemError as error:
            self._count("failed", len(lines))
            if not self._failing:
                log.error("calls are not recorded: %s", error.message)
            self._failing = True
            return
        self._count("written", len(lines))
        if self._failing:
            log.info("calls are recorded again")
        self._failing = False
        if self._left_bytes <= 0:
            log.warning("no more calls are recorded: --record-mib is reached")
