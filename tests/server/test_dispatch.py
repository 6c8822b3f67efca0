from __future__ import annotations

import asyncio
import threading

import pytest

from mlem.data import infer
from mlem.model import Argument, Method
from mlem_server.calls import Call
from mlem_server.dispatch import Dispatcher
from mlem_server.errors import HttpError

NUMBER = infer(1)
METHOD = Method(name="__call__", args=(Argument(name="x", data_type=NUMBER),), returns=NUMBER)


def call_of(number: int) -> Call:
    return Call("predict", METHOD, {"x": number})


def test_calls_are_answered_in_the_order_of_their_arrival() -> None:
    seen: list[int] = []

    def model(x: int) -> int:
        seen.append(x)
        return -x

    async def run() -> list[int]:
        dispatcher = Dispatcher(max_queue=100)
        await dispatcher.load(lambda: model)
        return list(await asyncio.gather(*(dispatcher.dispatch(call_of(number), 60) for number in range(50))))

    assert asyncio.run(run()) == [-number for number in range(50)]
    assert seen == list(range(50))


def test_the_model_is_loaded_and_called_on_one_thread() -> None:
    threads: set[str] = set()

    def load() -> object:
        threads.add(threading.current_thread().name)

        def model(x: int) -> int:
            threads.add(threading.current_thread().name)
            return x

        return model

    async def run() -> None:
        dispatcher = Dispatcher(max_queue=1)
        await dispatcher.load(load)
        await dispatcher.dispatch(call_of(1), 60)

    asyncio.run(run())
    assert threads == {"mlem-model"}


def test_calls_over_the_limit_are_refused_and_calls_that_nobody_awaits_are_dropped() -> None:
    go_on = threading.Event()
    seen: list[int] = []

    def model(x: int) -> int:
        seen.append(x)
        go_on.wait(60)
        return x

    async def run() -> list[object]:
        dispatcher = Dispatcher(max_queue=1)
        await dispatcher.load(lambda: model)
        first = asyncio.create_task(dispatcher.dispatch(call_of(1), 60))
        second = asyncio.create_task(dispatcher.dispatch(call_of(2), 0.01))
        await asyncio.sleep(0)
        third = dispatcher.dispatch(call_of(3), 60)
        refused = await asyncio.gather(third, second, return_exceptions=True)
        go_on.set()
        answers = [await first, await dispatcher.dispatch(call_of(4), 60)]
        return [(error.status, error.code) if isinstance(error, HttpError) else error for error in refused] + answers

    assert asyncio.run(run()) == [(503, "overloaded"), (503, "timed-out"), 1, 4]
    assert seen == [1, 4]


def test_what_loading_raises_is_passed_on() -> None:
    def load() -> None:
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        asyncio.run(Dispatcher(max_queue=1).load(load))
