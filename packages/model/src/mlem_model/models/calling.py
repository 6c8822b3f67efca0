"""Answers that are not complete yet: a coroutine has to be run, and a generator yields its items one by one."""

from __future__ import annotations

import asyncio
import atexit
import collections.abc
import concurrent.futures
import contextlib
import inspect
import itertools
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from typing import Any

from mlem_model.errors import UserError
from mlem_model.process_local import this_process

MOST_ITEMS = 1_000_000
"""At most this many items of a stream are kept together: a stream may never end."""


_complete: dict[type, bool] = {}
_MOST_KINDS = 1000


def is_complete(answer: Any) -> bool:
    """Whether an answer is complete: it is neither awaited nor a stream.

    The class of the answer tells, and is remembered, because every call asks this.
    """
    kind = type(answer)
    known = _complete.get(kind)
    if known is None:
        known = not issubclass(kind, Iterator | collections.abc.AsyncIterator | collections.abc.Awaitable)
        if len(_complete) < _MOST_KINDS:
            _complete[kind] = known
    return known


def is_stream(answer: Any) -> bool:
    """Whether an answer yields its items one by one.

    A generator, or another iterator, also one that is awaited for each item.
    """
    return isinstance(answer, Iterator | collections.abc.AsyncIterator)


def is_awaited(answer: Any) -> bool:
    """Whether an answer has to be awaited, such as the answer of an async function."""
    return inspect.isawaitable(answer)


def finished(answer: Any) -> Any:
    """Return a complete answer: a coroutine is run to its end, a stream becomes a list.

    Args:
        answer: What a method returned.

    Raises:
        UserError: The stream has more items than are kept together.
    """
    return finish(answer)[0]


def finish(answer: Any) -> tuple[Any, bool]:
    """Return a complete answer, and whether it was a stream; see `finished`."""
    if is_complete(answer):
        return answer, False
    if is_awaited(answer):
        answer = run(_awaited(answer))
    if isinstance(answer, collections.abc.AsyncIterator):
        return run(_collected(answer)), True
    if isinstance(answer, Iterator):
        return _bounded(list(itertools.islice(answer, MOST_ITEMS + 1))), True
    return answer, False


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end.

    It runs on an event loop that this thread keeps: what an async function makes once, a session of HTTP for example,
    belongs to the loop that it was made on. Where this thread is already running a loop, as in a notebook, another
    thread runs the coroutine.

    Args:
        coroutine: What to run.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _own_runner().run(coroutine)
    return _other_thread().submit(lambda: _own_runner().run(coroutine)).result()


def loop_of_this_thread() -> asyncio.AbstractEventLoop:
    """Return the event loop that `run` uses in this thread."""
    return _own_kept().loop


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


async def _collected(answer: AsyncIterator[Any]) -> list[Any]:
    items = []
    async for item in answer:
        items.append(item)
        _bounded(items)
    return items


def _bounded(items: list[Any]) -> list[Any]:
    if len(items) > MOST_ITEMS:
        raise UserError(
            f"the answer yields more than {MOST_ITEMS} items", code="endless-answer", hint="a stream has to end"
        )
    return items


class _Kept:
    """The runner of one thread; it is closed with the thread, or at the end."""

    def __init__(self) -> None:
        self.process = this_process()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        _all.add(self)

    def close(self) -> None:
        if (
            self.process == this_process() and not self.loop.is_running()
        ):  # in a forked process the loop is the parent's
            with contextlib.suppress(RuntimeError):
                self.runner.close()

    def __del__(self) -> None:
        self.close()


_all: weakref.WeakSet[_Kept] = weakref.WeakSet()
_threads = threading.local()
_others: dict[object, concurrent.futures.ThreadPoolExecutor] = {}


def _own_runner() -> asyncio.Runner:
    return _own_kept().runner


def _own_kept() -> _Kept:
    kept: _Kept | None = getattr(_threads, "kept", None)
    if kept is None or kept.process != this_process():
        _threads.parents, kept = kept, _Kept()  # that of the parent of a forked process is neither used nor closed
        _threads.kept = kept
    return kept


def _other_thread() -> concurrent.futures.ThreadPoolExecutor:
    return _others.setdefault(this_process(), concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mlem-async"))


@atexit.register
def _close_all() -> None:
    for kept in list(_all):
        kept.close()
