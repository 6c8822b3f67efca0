"""Which format a caller's ``Accept`` asks for."""

from __future__ import annotations

import pytest

from mlem_server.http.negotiation import preferred

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", JSON),
        (b"*/*", JSON),
        (b"text/csv", CSV),
        (b"Text/CSV; charset=utf-8", CSV),
        (b"text/csv;q=0", JSON),
        (b"text/csv;q=0, */*", JSON),
        (b"text/csv;q=0.2, application/vnd.apache.arrow.stream;q=0.9", ARROW),
        (b"application/vnd.apache.arrow.stream, application/json;q=0.5", ARROW),
        (b"text/csv, application/json", CSV),
        (b"application/json, text/csv", JSON),
        (b"text/*", CSV),
        (b"application/*", JSON),
        (b"application/json;q=0, application/*", ARROW),
        (b"text/html, image/png", JSON),
        (b"text/csv;q=much, application/vnd.apache.arrow.stream", ARROW),
        (b"text/csvx", JSON),
        (b",;q=,,=\xff", JSON),
    ],
)
def test_the_callers_choice_is_followed(accept: bytes, expected: str) -> None:
    assert preferred(accept, (JSON, CSV, ARROW), JSON) == expected
