from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from mlem_model.data.formats.binary import NPY
from mlem_model.data.types.any import infer
from mlem_model.models.model import Argument, Method
from mlem_server.http.errors import HttpError
from mlem_server.http.response import Response
from mlem_server.inference.dispatching.dispatch import Dispatcher, Job
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.errors import ModelFailedError

NUMBER, ROWS = infer(1), infer(numpy.zeros((2, 2)))
ONE = Endpoint("predict", Method(name="__call__", args=(Argument(name="x", data_type=NUMBER),), returns=NUMBER))
ROWWISE = Endpoint(
    "predict",
    Method(name="__call__", args=(Argument(name="X", data_type=ROWS),), returns=infer(numpy.zeros(2)), rowwise=True),
)


def run(model: Callable[..., Any], bodies: list[tuple[Endpoint, Any]], **options: Any) -> list[Any]:
    """Ask all at once; return parsed answers, or what was raised."""

    async def ask() -> list[Any]:
        dispatcher = Dispatcher(**{"max_queue": 1000, **options})
        await dispatcher.load(lambda: model)
        futures = []
        for endpoint, payload in bodies:
            future = asyncio.get_running_loop().create_future()
            dispatcher.submit(endpoint.call_with(payload), future.set_result)
            futures.append(future)
        outcomes = await asyncio.gather(*futures)
        return [json.loads(outcome.body) if isinstance(outcome, Response) else outcome for outcome in outcomes]

    return asyncio.run(ask())


def test_calls_are_answered_in_the_order_of_their_arrival() -> None:
    seen: list[int] = []

    def model(x: int) -> int:
        seen.append(x)
        return -x

    assert run(model, [(ONE, {"x": number}) for number in range(50)]) == [-number for number in range(50)]
    assert seen == list(range(50))


def test_the_model_is_loaded_and_called_on_one_thread() -> None:
    threads: set[str] = set()

    def load() -> object:
        threads.add(threading.current_thread().name)
        return lambda x: threads.add(threading.current_thread().name) or x

    async def ask() -> None:
        dispatcher = Dispatcher(max_queue=1)
        await dispatcher.load(load)
        future = asyncio.get_running_loop().create_future()
        dispatcher.submit(ONE.call_with({"x": 1}), future.set_result)
        await future

    asyncio.run(ask())
    assert threads == {"mlem-model"}


def test_calls_that_came_together_go_to_the_model_as_one_and_each_gets_its_own_rows() -> None:
    sizes: list[int] = []

    def model(X: Any) -> Any:
        sizes.append(len(X))
        return X.sum(axis=1)

    bodies = [[[float(number), float(row)] for row in range(1 + number % 3)] for number in range(20)]
    answers = run(model, [(ROWWISE, {"X": body}) for body in bodies])
    assert answers == [[sum(row) for row in body] for body in bodies]
    assert sizes == [sum(map(len, bodies))]


def test_a_joined_call_has_no_more_rows_than_it_may() -> None:
    sizes: list[int] = []

    def model(X: Any) -> Any:
        sizes.append(len(X))
        return X.sum(axis=1)

    run(model, [(ROWWISE, {"X": [[1.0, 2.0]] * rows}) for rows in (3, 3, 3, 20, 1)], max_batch_rows=7)
    assert sizes == [6, 3, 20, 1]


def test_one_that_the_model_refuses_does_not_fail_its_neighbours() -> None:
    def model(X: Any) -> Any:
        if (X < 0).any():
            raise KeyError("a negative number")
        return X.sum(axis=1)

    answers = run(model, [(ROWWISE, {"X": [[number, 0.0]]}) for number in (1.0, 2.0, -3.0, 4.0)])
    assert [answers[0], answers[1], answers[3]] == [[1.0], [2.0], [4.0]]
    assert isinstance(answers[2], ModelFailedError)


def test_a_model_that_answers_fewer_rows_than_it_was_asked_is_asked_for_each_caller_alone() -> None:
    answers = run(lambda X: X.sum(axis=1)[:1], [(ROWWISE, {"X": [[1.0, 1.0]]}), (ROWWISE, {"X": [[2.0, 2.0]]})])
    assert answers == [[2.0], [4.0]]


def test_calls_of_methods_that_do_not_answer_row_by_row_are_not_joined() -> None:
    counted = Endpoint("predict", ROWWISE.method.model_copy(update={"rowwise": False}))
    answers = run(lambda X: X.sum(axis=1) * len(X), [(counted, {"X": [[1.0, 1.0]]})] * 3)
    assert answers == [[2.0]] * 3


def test_callers_of_different_formats_share_a_call() -> None:
    async def ask() -> list[Any]:
        dispatcher = Dispatcher(max_queue=10)
        await dispatcher.load(lambda: lambda X: X.sum(axis=1))
        outcomes: list[Any] = []
        done = asyncio.Event()

        def note(outcome: Any) -> None:
            outcomes.append(outcome)
            if len(outcomes) == 2:
                done.set()

        dispatcher.submit(ROWWISE.call_with({"X": [[1.0, 2.0]]}, NPY.encode()), note)
        dispatcher.submit(ROWWISE.call_with({"X": [[3.0, 4.0]]}), note)
        await done.wait()
        return [outcome.content_type for outcome in outcomes] + [outcomes[1].body]

    assert asyncio.run(ask()) == [NPY.encode(), b"application/json", b"[7.0]"]


def test_calls_over_the_limit_are_refused_and_calls_that_nobody_awaits_are_dropped() -> None:
    go_on = threading.Event()
    seen: list[int] = []

    def model(x: int) -> int:
        seen.append(x)
        go_on.wait(60)
        return x

    async def ask() -> None:
        dispatcher = Dispatcher(max_queue=1)
        await dispatcher.load(lambda: model)
        first, fourth = (asyncio.get_running_loop().create_future() for _ in range(2))
        dispatcher.submit(ONE.call_with({"x": 1}), first.set_result)
        while not seen:
            await asyncio.sleep(0)
        second: Job = dispatcher.submit(ONE.call_with({"x": 2}), lambda _outcome: pytest.fail("nobody awaits it"))
        with pytest.raises(HttpError) as caught:
            dispatcher.submit(ONE.call_with({"x": 3}), lambda _outcome: pytest.fail("it was refused"))
        assert (caught.value.status, caught.value.code) == (503, "overloaded")
        second.cancelled = True
        go_on.set()
        await first
        dispatcher.submit(ONE.call_with({"x": 4}), fourth.set_result)
        await fourth

    asyncio.run(ask())
    assert seen == [1, 4]


@pytest.mark.parametrize("error", [OSError("no such disk"), StopIteration(), SystemExit(3)])
def test_what_loading_raises_is_passed_on(error: BaseException) -> None:
    def load() -> None:
        raise error

    async def ask() -> BaseException | None:
        try:
            await Dispatcher(max_queue=1).load(load)
        except BaseException as caught:
            return caught.__cause__ or caught
        return None

    assert asyncio.run(ask()) is error


def test_what_a_model_raises_is_its_own_failure() -> None:
    def model(x: int) -> int:
        raise ValueError("wrong")

    (failure,) = run(model, [(ONE, {"x": 1})])
    assert isinstance(failure, ModelFailedError)
    assert isinstance(failure.__cause__, ValueError)


def test_an_answer_of_another_type_goes_out_and_says_which() -> None:
    answer = ONE.answer(lambda x: "text", ONE.call_with({"x": 1}))
    assert (answer.body, json.loads(answer.headers["mlem-answer-type"])) == (
        b'"text"',
        {"type": "primitive", "ptype": "str"},
    )


def test_an_answer_that_no_type_describes_is_the_models_failure() -> None:
    (failure,) = run(lambda x: object(), [(ONE, {"x": 1})])
    assert isinstance(failure, ModelFailedError)


class Busy:
    """A model that takes its time, and notes how many rows it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, X: Any) -> Any:
        self.sizes.append(len(X))
        threading.Event().wait(0.01)
        return X.sum(axis=1)


def circle(callers: int, times: int, *, timers: bool = True, endpoint: Endpoint = ROWWISE) -> list[int]:
    """Let callers ask in two groups, and ask again a moment after each answer.

    Return the sizes of the model's calls.
    """
    model = Busy()

    async def caller(dispatcher: Dispatcher, number: int) -> None:
        loop = asyncio.get_running_loop()
        while number % 2 and not model.sizes:  # half of them come when the model is at work
            await asyncio.sleep(0)
        for _ in range(times):
            future = loop.create_future()
            dispatcher.submit(endpoint.call_with({"X": [[1.0, float(number)]]}), future.set_result)
            outcome = await future
            assert json.loads(outcome.body) == [1.0 + number]
            for _ in range(5):  # the way to the caller and back, in turns of the loop
                await asyncio.sleep(0)

    async def ask() -> None:
        dispatcher = Dispatcher(max_queue=100)
        await dispatcher.load(lambda: model)
        if not timers:
            asyncio.get_running_loop().call_later = None  # type: ignore[assignment]  # nobody may ask for one
        await asyncio.gather(*(caller(dispatcher, number) for number in range(callers)))

    asyncio.run(ask())
    return model.sizes


def test_callers_who_come_back_after_their_answers_are_asked_for_together() -> None:
    sizes = circle(callers=6, times=20)
    assert sum(sizes) == 120
    assert sizes.count(6) >= 15


def test_a_lone_caller_waits_for_nobody() -> None:
    assert circle(callers=1, times=5, timers=False) == [1] * 5


def test_calls_that_cant_be_joined_do_not_wait_for_others() -> None:
    apart = Endpoint(
        "predict", Method(name="__call__", args=ROWWISE.method.args, returns=ROWWISE.method.returns, rowwise=False)
    )
    assert circle(callers=3, times=3, timers=False, endpoint=apart) == [1] * 9


def test_calls_that_were_given_up_while_others_of_their_batch_failed_are_not_asked() -> None:
    seen: list[float] = []
    jobs: list[Job] = []

    def model(X: Any) -> Any:
        seen.append(float(X[0, 0]))
        jobs[1].cancelled = True
        if len(X) > 1:
            raise KeyError("not together")
        return X.sum(axis=1)

    async def ask() -> None:
        dispatcher = Dispatcher(max_queue=10)
        await dispatcher.load(lambda: model)
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        for number, future in enumerate(futures):
            jobs.append(dispatcher.submit(ROWWISE.call_with({"X": [[number, 0.0]]}), future.set_result))
        assert [json.loads((await futures[number]).body) for number in (0, 2)] == [[0.0], [2.0]]
        assert not futures[1].done()

    asyncio.run(ask())
    assert seen == [0.0, 0.0, 2.0]


def test_calls_are_refused_while_the_model_is_at_one_for_longer_than_anybody_waits() -> None:
    go_on, begun = threading.Event(), threading.Event()

    def model(x: int) -> int:
        begun.set()
        go_on.wait(60)
        return x

    async def ask() -> list[Any]:
        dispatcher = Dispatcher(max_queue=10, limit_s=0.05)
        await dispatcher.load(lambda: model)
        first, second, last = (asyncio.get_running_loop().create_future() for _ in range(3))
        dispatcher.submit(ONE.call_with({"x": 1}), first.set_result)
        dispatcher.submit(ONE.call_with({"x": 2}), second.set_result)
        while not second.done():
            await asyncio.sleep(0)
            dispatcher.look()
        with pytest.raises(HttpError) as caught:
            dispatcher.submit(ONE.call_with({"x": 3}), lambda _outcome: pytest.fail("it was refused"))
        go_on.set()
        await first
        dispatcher.submit(ONE.call_with({"x": 4}), last.set_result)
        return [(error.status, error.code, error.headers) for error in (second.result(), caught.value)] + [
            (await last).body
        ]

    refusal = (503, "model-busy", {"retry-after": "1"})
    assert asyncio.run(ask()) == [refusal, refusal, b"4"]
