"""``python -m mlem.testing.stores.outage N COMMAND...``: runs ``mlem COMMAND...`` with a store that fails on the way.

The Nth write and all requests after it get no answer, as from a store whose network is down. The wrappers are put
before the stores from outside: the product knows nothing about them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from mlem.cli.main import main
from mlem.testing.stores.wrapped import wrap_stores
from mlem_model.errors import StateUnknownError

_REQUESTS = {"read", "write", "delete", "names"}


class Outage:
    """Counts writes, and lets no request be answered from one of them on.

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


if __name__ == "__main__":
    wrap_stores(_REQUESTS, Outage(int(sys.argv[1])).around)
    main(sys.argv[2:])
