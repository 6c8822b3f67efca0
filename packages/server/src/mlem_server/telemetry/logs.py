"""The log: on stderr, one event a line.

The lines of a traceback are indented, so that each event begins with its time.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
import time

from mlem_server.process.exit_codes import HANG_SIGNAL


class EventFormatter(logging.Formatter):
    """Formats an event: UTC time, level, message; further lines begin with a bar."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format an event."""
        return "\n  | ".join(super().format(record).splitlines())


class JsonFormatter(EventFormatter):
    """Formats an event as one JSON object.

    ``time``, ``level``, ``message``, and the facts of a request by their names.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format an event."""
        event = {"time": self.formatTime(record), "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps({**event, **getattr(record, "facts", {})}, ensure_ascii=False)


def report_faults() -> None:
    """Make a sudden end, such as a segmentation fault or a missed heartbeat, print where each thread is.

    It is printed on stderr as plain text, whatever the form of the log.
    """
    faulthandler.enable(2)
    faulthandler.register(
        HANG_SIGNAL, 2, all_threads=True, chain=True
    )  # chain: it ends the process, as without the report


def configure_logs(form: str = "text") -> None:
    """Send the events of the server to stderr, and of everything else what is a warning or worse.

    Args:
        form: ``text`` for people, ``json`` for machines.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else EventFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("mlem.server").setLevel(logging.INFO)
    logging.captureWarnings(True)
