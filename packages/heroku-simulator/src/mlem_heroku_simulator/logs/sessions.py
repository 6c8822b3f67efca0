"""`LogSessions`: streams of apps' logs, plain or as server-sent events, as Logplex gives them."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from mlem_heroku_simulator.logs.buffer import LogBuffer
from mlem_heroku_simulator.serving import Handler

PATH = "/logplex/"
_EVENTS = "text/event-stream"


@dataclass(frozen=True)
class LogSession:
    """One session.

    Attributes:
        log: The app's log.
        lines: How many of the last lines come first.
        wanted: What a line begins with.
        follow: Whether new lines come after them.
    """

    log: LogBuffer
    lines: int
    wanted: re.Pattern[str]
    follow: bool


class LogSessions:
    """Opens sessions and streams them.

    Args:
        closing: Set when all streams are to end.
    """

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._sessions: dict[str, LogSession] = {}

    def open(self, log: LogBuffer, lines: int, wanted: re.Pattern[str], *, follow: bool) -> str:
        """Open a session, and return the path that streams it."""
        session = secrets.token_hex(16)
        self._sessions[session] = LogSession(log, lines, wanted, follow)
        return f"{PATH}{session}?srv=simulator"

    def stream(self, request: Handler) -> None:
        """Stream a session to who asks: server-sent events where they are accepted, as ``heroku logs`` does.

        Lines to others.
        """
        parts = urlsplit(request.path)
        session = self._sessions.get(parts.path.rpartition("/")[2])
        if session is None or session.log.closed or "srv" not in parse_qs(parts.query):
            request.respond(404, b"", {})
            return
        events = _EVENTS in request.headers.get("Accept", "")
        written: Callable[[str], bytes] = (
            (lambda line: f"data: {line}\n\n".encode()) if events else (lambda line: f"{line}\n".encode())
        )
        headers = {"Content-Type": _EVENTS if events else "application/logplex-1"}
        if not session.follow:
            request.respond(200, b"".join(map(written, session.log.last(session.lines, session.wanted))), headers)
            return
        request.close_connection = True
        request.send_response(200)
        for name, value in {**headers, "Connection": "close"}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.flush()
        for line in session.log.follow(session.lines, session.wanted):
            if self._closing.is_set():
                return
            if line is not None:
                request.wfile.write(written(line))
                request.wfile.flush()
