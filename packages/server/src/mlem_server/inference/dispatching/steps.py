"""`StepsOf`: what one request has done on the model's thread besides its call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlem_server.inference.dispatching.dispatch import Dispatcher


class StepsOf:
    """Steps of one request; see `Dispatcher.step`.

    Args:
        dispatcher: Where they are done.
        origin: The request.
    """

    def __init__(self, dispatcher: Dispatcher, origin: Any) -> None:
        self._dispatcher = dispatcher
        self._origin = origin

    def step(self, take: Callable[[], Any], done: Callable[[Any], None]) -> Callable[[], None]:
        """Do something on the model's thread; see `Dispatcher.step`."""
        return self._dispatcher.step(take, done, self._origin)
