"""Lines of a log by their time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlem.deployments import log_lines

LINES = [
    "cut off in the middle",
    "2026-11-27T10:00:00.000Z INFO listening",
    "2026-11-27T12:30:00.250+02:00 ERROR a model failed",
    "Traceback (most recent call last):",
    "2026-11-27 10:45:00,500 INFO of another library",
    "2026-99-99T10:00:00Z is no time",
    "2026-11-27T11:00:00Z INFO ready",
]


@pytest.mark.parametrize(
    ("hour", "minute", "first"), [(9, 0, 1), (10, 0, 1), (10, 1, 2), (10, 31, 4), (10, 46, 6), (11, 1, None)]
)
def test_lines_since_a_moment(hour: int, minute: int, first: int | None) -> None:
    found = list(log_lines.since(iter(LINES), datetime(2026, 11, 27, hour, minute, tzinfo=UTC)))
    assert found == ([] if first is None else LINES[first:])


def test_the_last_of_them() -> None:
    assert list(log_lines.last(iter(LINES), 2)) == LINES[-2:]
    assert list(log_lines.last(iter(LINES), None)) == LINES
    assert list(log_lines.last(iter(LINES), 0)) == []
