"""A caller may say how long it waits; then nobody works for it any longer."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until


@pytest.fixture
def served(starter: Any, file_model: Path) -> Any:
    return starter.start(file_model)


def test_a_call_that_takes_longer_is_answered_in_time_and_one_that_waits_is_dropped(
    served: Any, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    asked = threading.Thread(target=served.post, args=("/predict", {"path": str(first)}))
    asked.start()
    wait_until(Path(f"{first}.started").exists)
    answer = served.post("/predict", {"path": str(second)}, {"x-request-timeout": "0.3"})
    assert (answer.status, answer.json["error"]["code"]) == (504, "deadline-passed")
    first.touch()
    asked.join()
    assert served.post("/predict", {"path": os.devnull}, {"x-request-timeout": "30s"}).status == 200
    assert not Path(f"{second}.started").exists()  # the model was never asked


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf", "1e9", ""])
def test_what_is_no_time_is_refused(served: Any, given: str) -> None:
    answer = served.post("/predict", {"path": os.devnull}, {"x-request-timeout": given})
    assert (answer.status, answer.json["error"]["code"]) == (400, "bad-timeout")
