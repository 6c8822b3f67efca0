"""Calls of a method keep their order; methods take turns, so that one does not starve another."""

from __future__ import annotations

from typing import Any

from mlem_model.data.types.any import infer
from mlem_model.models.model import Argument, Method
from mlem_server.inference.dispatching.fair_queue import FairQueue
from mlem_server.inference.dispatching.jobs import Job, Step
from mlem_server.inference.endpoint import Endpoint

NUMBER = infer(1)


def endpoint(name: str) -> Endpoint:
    argument = Argument(name="x", data_type=NUMBER)
    return Endpoint(name, Method(name=name, args=(argument,), returns=NUMBER))


def job(method: Endpoint, number: int, rows: int | None = None) -> Job:
    call = method.call_of({"x": number})
    call.rows = rows
    return Job(call, lambda _: None, 0.0)


def drained(queue: FairQueue, most_rows: int = 64) -> list[list[Any]]:
    batches = []
    while batch := queue.next_batch(most_rows):
        batches.append([(each.call.endpoint.name, each.call.values["x"]) for each in batch])  # type: ignore[union-attr]
    return batches


def test_a_method_waits_for_at_most_one_call_of_another() -> None:
    queue, slow, quick = FairQueue(), endpoint("slow"), endpoint("quick")
    for number in range(3):
        queue.add(job(slow, number))
    queue.add(job(quick, 7))
    queue.add(job(quick, 8))
    assert drained(queue) == [
        [("slow", 0)],
        [("quick", 7)],
        [("slow", 1)],
        [("quick", 8)],
        [("slow", 2)],
    ]


def test_calls_are_joined_up_to_the_most_rows_and_never_across_methods() -> None:
    queue, one, other = FairQueue(), endpoint("one"), endpoint("other")
    for number in range(4):
        queue.add(job(one, number, rows=2))
        queue.add(job(other, number, rows=2))
    assert queue.rows(64) == 8
    assert drained(queue, 5) == [
        [("one", 0), ("one", 1)],
        [("other", 0), ("other", 1)],
        [("one", 2), ("one", 3)],
        [("other", 2), ("other", 3)],
    ]


def test_what_nobody_waits_for_is_left_out_and_counts_until_then() -> None:
    queue, method = FairQueue(), endpoint("method")
    jobs = [job(method, number) for number in range(3)]
    for each in (*jobs, Job(Step(print), print, 0.0)):
        queue.add(each)
    jobs[0].cancel()
    jobs[2].cancel()
    assert (queue.count, len(list(queue))) == (4, 4)
    assert [each.call for each in queue.next_batch(64)] == [jobs[1].call]
    assert isinstance(queue.next_batch(64)[0].call, Step)
    assert (queue.next_batch(64), queue.count) == ([], 0)
    queue.add(jobs[1])
    assert (queue.clear(), queue.count, list(queue)) == ([jobs[1]], 0, [])
