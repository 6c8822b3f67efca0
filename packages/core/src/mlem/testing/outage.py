"""``python -m mlem.testing.outage N COMMAND...``: run ``mlem COMMAND...`` with a store that stops answering at its Nth write.

The Nth write and all requests after it get no answer, as from a store whose network is gone. The wrappers are put before the stores from
outside: the product knows nothing of them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from mlem.cli.main import main
from mlem.errors import StateUnknownError
from mlem.settled import SettledStore
from mlem.state_manager import Store

_REQUESTS = ("read", "write", "delete", "names")


class Outage:
    """Counts writes, and lets nothing be answered from one of them on.

    Args:
        first: The number of the first write that gets no answer, from 1.
    """

    def __init__(self, first: int) -> None:
        self._left = first

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a request that may get no answer."""
        writes = function.__name__ in ("write", "delete")

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._left -= writes and self._left > 0
            if self._left <= 0:
                raise StateUnknownError("the store does not answer: its network is gone")
            return function(*args, **kwargs)

        return wrapped


def wrap_stores(outage: Outage) -> None:
    """Put an outage before every store, also before one whose module is imported later."""

    def wrap(store: type[Store]) -> None:
        if store is SettledStore:
            return  # it passes on to another one
        for name in {*_REQUESTS} & vars(store).keys():
            setattr(store, name, outage.around(getattr(store, name)))

    for store in Store.__subclasses__():
        wrap(store)
    Store.__init_subclass__ = classmethod(wrap)  # type: ignore[assignment]  # called with each class that is made from now on


if __name__ == "__main__":
    wrap_stores(Outage(int(sys.argv[1])))
    main(sys.argv[2:])
