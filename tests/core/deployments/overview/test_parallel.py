"""Many things at once: in order, with their errors, and no place lost to one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mlem.deployments.overview.parallel import Parallel
from mlem_model.errors import MlemError, NotFoundError, WaitTimeoutError


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What does not happen before the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_results_come_in_the_order_of_the_items_and_the_work_overlaps() -> None:
    together = threading.Barrier(4, timeout=20)

    def work(number: int) -> int:
        together.wait()
        return number * 2

    assert Parallel(work, limit_s=30, workers=4).all([3, 1, 2, 0]) == [6, 2, 4, 0]


def test_no_more_than_the_workers_are_busy_at_once() -> None:
    busy: set[int] = set()
    most = 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal most
        with lock:
            busy.add(number)
            most = max(most, len(busy))
        time.sleep(0.001)
        with lock:
            busy.remove(number)
        return number

    assert Parallel(work, limit_s=30, workers=3).all(list(range(60))) == list(range(60))
    assert 1 < most <= 3


def test_an_error_is_the_result_of_its_item_alone() -> None:
    def work(number: int) -> int:
        if number == 1:
            raise NotFoundError("no such thing")
        return number

    first, second, third = Parallel(work, limit_s=30).all([0, 1, 2])

    assert (first, third) == (0, 2)
    assert isinstance(second, NotFoundError)


def test_a_defect_is_not_hidden() -> None:
    def work(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        Parallel(work, limit_s=30).all([1, 0])


def test_more_that_hang_than_there_are_workers_do_not_keep_the_others_waiting(never: threading.Event) -> None:
    def work(number: int) -> int:
        if number % 2:
            never.wait()
        return number

    found = Parallel(work, limit_s=0.2, workers=2).all(list(range(10)))

    assert [one for one in found if not isinstance(one, MlemError)] == [0, 2, 4, 6, 8]
    assert [type(one) for one in found[1::2]] == [WaitTimeoutError] * 5


def test_what_answers_after_it_was_given_up_changes_nothing(never: threading.Event) -> None:
    ended = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            never.wait()
            ended.set()
        return number

    parallel = Parallel(work, limit_s=0.1, workers=1)
    found = parallel.all([0, 1])
    never.set()
    assert ended.wait(20)

    assert isinstance(found[0], WaitTimeoutError)
    assert found[1] == 1


def test_nothing_to_do_is_nothing() -> None:
    assert Parallel(int, limit_s=1).all([]) == []
