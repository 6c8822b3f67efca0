from __future__ import annotations

import logging
import re

from mlem_server.telemetry.logs import EventFormatter


def test_every_event_begins_with_its_time_and_other_lines_with_a_bar() -> None:
    record = logging.LogRecord(
        "mlem.server", logging.ERROR, "", 0, "one\ntwo %s", ("three\r\n2026-01-01T00:00:00.000Z INFO forged",), None
    )
    text = EventFormatter().format(record)
    assert re.sub(r"^\S+", "TIME", text) == "TIME ERROR one\n  | two three\n  | 2026-01-01T00:00:00.000Z INFO forged"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", text)
