"""The log of an app tells which lines are of a dyno's earlier life."""

from __future__ import annotations

import pytest

from mlem_provider_heroku.api.logs import previous

START = "Starting process with command `/venv/bin/mlem-server`"


def line(second: int, source: str, text: str) -> str:
    return f"2026-11-27T10:00:{second:02}.000000+00:00 {source}: {text}"


API, ROUTER = line(0, "app[api]", "Release v3 created by user ada@example.com"), line(9, "heroku[router]", "at=info")
FIRST = [
    line(1, "heroku[web.1]", START),
    line(2, "app[web.1]", "listening"),
    line(3, "app[web.1]", START),  # what a server says is no start
    line(4, "heroku[web.1]", "State changed from up to crashed"),
]
SECOND = [line(5, "heroku[web.1]", START), line(6, "app[web.1]", "listening"), line(7, "app[web.1]", "again")]
OTHER = [line(2, "heroku[web.2]", START), line(3, "app[web.2]", "listening")]
OTHERS_NEXT = [line(8, "heroku[web.2]", START), line(9, "app[web.2]", "listening")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([API, ROUTER], []),
        ([API, *FIRST, ROUTER], []),
        ([API, *FIRST, ROUTER, *SECOND], FIRST),
        ([*FIRST[1:], *SECOND], FIRST[1:]),
        ([*FIRST, *SECOND, line(8, "heroku[web.1]", START)], SECOND),
        ([line(0, "heroku[web.1]", "State changed from down to starting"), *SECOND], []),
        ([FIRST[0], OTHER[0], FIRST[1], OTHER[1], SECOND[0], OTHERS_NEXT[0]], [FIRST[0], OTHER[0], FIRST[1], OTHER[1]]),
        ([*FIRST, *OTHER, *SECOND], FIRST),
        ([FIRST[0], FIRST[1], FIRST[1], SECOND[0]], [FIRST[0], FIRST[1], FIRST[1]]),
        ([line(1, "app[run.1234]", "hello"), line(2, "heroku[run.1234]", START)], []),
    ],
)
def test_the_lines_of_each_dyno_from_its_last_start_but_one_to_its_last(lines: list[str], expected: list[str]) -> None:
    assert previous(lines) == expected
