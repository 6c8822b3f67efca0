"""What comes of a call on the model's thread: an answer, what was raised, or later one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mlem_server.inference.errors import ModelFailedError

LATER = object()
"""The call is awaited; its outcome comes later."""


async def guarded(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Await an answer, and return what comes of it, also an error."""
    try:
        return await coroutine
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return as_outcome(error)


def as_outcome(error: BaseException) -> BaseException:
    """Return an error as an outcome: a model's SystemExit must neither end the thread nor be taken for our own."""
    if isinstance(error, Exception):
        return error
    failure = ModelFailedError(repr(error))
    failure.__cause__ = error
    return failure
