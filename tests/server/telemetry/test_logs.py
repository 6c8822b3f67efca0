from __future__ import annotations

import json
import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from waiting import wait_until

from mlem_server.telemetry.logs import EventFormatter


def test_every_event_begins_with_its_time_and_other_lines_with_a_bar() -> None:
    record = logging.LogRecord(
        "mlem.server", logging.ERROR, "", 0, "one\ntwo %s", ("three\r\n2026-01-01T00:00:00.000Z INFO forged",), None
    )
    text = EventFormatter().format(record)
    assert re.sub(r"^\S+", "TIME", text) == "TIME ERROR one\n  | two three\n  | 2026-01-01T00:00:00.000Z INFO forged"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", text)


def test_a_call_that_takes_long_is_told_with_what_it_waited_for(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model, "--slow-call-s", "0.2", "--log-format", "json")
    first, second = tmp_path / "first", tmp_path / "second"
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(served.post, "/predict", {"path": str(first)}, {"x-request-id": "one"})]
        wait_until(Path(f"{first}.started").exists)
        calls.append(pool.submit(served.post, "/predict", {"path": str(second)}, {"x-request-id": "two"}))
        time.sleep(0.3)  # what the second waits
        first.touch()
        second.touch()
        assert [call.result().status for call in calls] == [200, 200]
    served.post("/predict", {"path": os.devnull}, {"x-request-id": "quick"})
    log = served.log_with('"two"')
    told = {event["request_id"]: event for event in map(json.loads, log.splitlines()) if "waited_ms" in event}
    assert set(told) == {"one", "two"}
    assert told["one"]["waited_ms"] < 200 <= told["two"]["waited_ms"] <= told["two"]["ms"]
    assert (told["two"]["level"], told["two"]["route"], told["two"]["status"]) == ("warning", "predict", 200)
