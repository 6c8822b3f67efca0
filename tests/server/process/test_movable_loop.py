"""An event loop visits another thread, and is taken home when that thread is held up."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from mlem_server.process.movable_loop import MovableLoop


@pytest.fixture
def put() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Have something done by another thread."""
    work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def run() -> None:
        while (do := work.get()) is not None:
            do()

    thread = threading.Thread(target=run, name="other")
    thread.start()
    yield work.put
    work.put(None)
    thread.join()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=MovableLoop) as runner:
        return runner.run(main)


def here() -> str:
    return threading.current_thread().name


async def moved(loop: MovableLoop, put: Any) -> None:
    """Return on the other thread."""
    loop.move(put)
    while loop.host is None:
        await asyncio.sleep(0)


async def at_work(loop: MovableLoop, do: Callable[[], Any]) -> tuple[str, Any]:
    """Do something away; return who tells of it, and what came of it."""
    done = loop.create_future()
    loop.after_round(
        lambda: done.set_result(
            ("at once", loop.work(do, lambda outcome: done.set_result((f"later, on {here()}", outcome))))
        )
    )
    return await done


def test_it_goes_to_another_thread_and_back() -> None:
    async def main(put: Any) -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        where = [here()]
        await moved(loop, put)
        await asyncio.sleep(0.01)
        where.append(here())
        loop.leave(put)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        where.append(here())
        return where

    work: queue.SimpleQueue[Any] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: [do() for do in iter(work.get, None)], name="other")
    thread.start()
    assert run(main(work.put)) == ["MainThread", "other", "MainThread"]
    work.put(None)
    thread.join()


def test_quick_work_is_done_at_once_with_no_loop_that_runs(put: Any) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        told = ""
        while told != "at once":  # a machine that stands still for a moment makes the quickest work slow
            await moved(loop, put)
            told, found = await at_work(loop, lambda: (here(), asyncio.run(asyncio.sleep(0, "a loop of its own"))))
        return found

    assert run(main()) == ("other", "a loop of its own")


def test_work_that_takes_long_keeps_nobody_else_waiting(put: Any) -> None:
    go_on = threading.Event()

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        await moved(loop, put)

        async def others() -> None:
            while here() == "other":
                await asyncio.sleep(0.001)
            assert loop.host is None
            await asyncio.to_thread(lambda: None)  # the loop hears from other threads as before
            go_on.set()

        other = asyncio.create_task(others())
        found = await at_work(loop, lambda: go_on.wait(60))
        await other
        await moved(loop, put)  # it comes back afterwards
        return found, here(), await at_work(loop, here)

    assert run(main()) == (("later, on MainThread", True), "other", ("at once", "other"))


def test_work_after_a_quiet_time_is_watched_as_before(put: Any) -> None:
    go_on = threading.Event()

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        await moved(loop, put)
        await at_work(loop, here)
        await asyncio.sleep(1.5)  # its home sleeps now
        loop.call_later(0.05, go_on.set)
        return await at_work(loop, lambda: go_on.wait(60))

    assert run(main()) == ("later, on MainThread", True)


def test_what_else_was_to_be_done_after_a_round_is_done_at_home(put: Any) -> None:
    go_on = threading.Event()

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        await moved(loop, put)
        slow = loop.create_future()
        loop.after_round(lambda: loop.work(lambda: go_on.wait(60), slow.set_result))
        loop.after_round(go_on.set)
        return await slow, here()

    assert run(main()) == (True, "MainThread")


def test_others_get_their_turn_between_rounds_of_work(put: Any) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        seen: list[int] = []

        def again() -> None:
            seen.append(len(seen))
            if len(seen) < 1000:
                loop.after_round(again)

        loop.after_round(again)
        loop.call_soon(lambda: loop.call_soon(seen.append, -1))
        await asyncio.sleep(0.01)
        while len(seen) < 1000:
            await asyncio.sleep(0.001)
        return seen.index(-1)

    assert run(main()) < 5


def test_it_can_be_stopped_and_fail_wherever_it_is(put: Any) -> None:
    async def main(error: BaseException | None) -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        await moved(loop, put)
        if error is not None:
            raise error
        return here()

    assert run(main(None)) == "other"
    for error in (ValueError("ours"), SystemExit(3)):
        with pytest.raises(type(error), match=str(error)):
            run(main(error))


def test_what_fails_after_a_round_is_reported_and_the_loop_goes_on(put: Any) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MovableLoop)
        told = loop.create_future()
        loop.set_exception_handler(lambda _loop, context: told.set_result(context["exception"]))
        await moved(loop, put)
        loop.after_round(lambda: loop.work(lambda: 1 // 0, print))
        return type(await told), here()

    assert run(main()) == (ZeroDivisionError, "other")
