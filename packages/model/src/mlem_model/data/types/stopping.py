"""Stopping the conversion of a large value once nobody waits for it: the converting code asks now and then."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("mlem_data_stopping", default=None)


class StoppedError(Exception):
    """Nobody waits for the value any more."""


@contextlib.contextmanager
def stoppable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Let conversions within this end early.

    Args:
        stopped: Whether to end.
    """
    token = _asked.set(stopped)
    try:
        yield
    finally:
        _asked.reset(token)


def go_on() -> None:
    """Return if somebody still waits for the value.

    Raises:
        StoppedError: Nobody does.
    """
    asked = _asked.get()
    if asked is not None and asked():
        raise StoppedError
