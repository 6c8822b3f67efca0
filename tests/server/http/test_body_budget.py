from __future__ import annotations

import pytest

from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Request

KIB = 1024


def request() -> Request:
    return Request("POST", b"/predict", {}, True, 0.0)


def test_a_body_alone_has_room_and_others_up_to_the_limit() -> None:
    budget, large, small, last = BodyBudget(100 * KIB), request(), request(), request()
    assert budget.reserve(large, 500 * KIB)
    assert not budget.reserve(small, 1)
    budget.release(large)
    assert [budget.reserve(small, 60 * KIB), budget.reserve(last, 60 * KIB), budget.reserve(last, 40 * KIB)] == [
        True,
        False,
        True,
    ]


def test_more_of_a_body_counts_once() -> None:
    budget, growing, other = BodyBudget(100 * KIB), request(), request()
    assert budget.reserve(growing, 30 * KIB)
    assert budget.reserve(growing, 50 * KIB)
    assert budget.reserve(other, 50 * KIB)
    budget.release(growing)
    budget.release(growing)
    assert growing.reserved_bytes == 0
    assert budget.reserve(other, 100 * KIB)


def test_what_is_announced_is_refused_where_there_will_be_no_room_for_it() -> None:
    budget, one = BodyBudget(100 * KIB), request()
    budget.check(500 * KIB)
    budget.reserve(one, 50 * KIB)
    budget.check(50 * KIB)
    with pytest.raises(HttpError) as caught:
        budget.check(70 * KIB)
    assert (caught.value.status, caught.value.code) == (503, "overloaded")
