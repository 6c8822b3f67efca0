"""``python -m mlem.testing.stores.killer N COMMAND...``: runs ``mlem COMMAND...`` and dies by SIGKILL at a boundary.

A boundary is the moment before a step's ``apply`` or ``remove``, and before a write of the state. The moment after one
of them is the moment before the next: nothing happens in between. The wrappers are put before the platform and the
store from outside: the product knows nothing of them.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mlem.cli.main import main
from mlem.testing.stores.wrapped import wrap_stores
from mlem_model.plugins.registry import Kind, registry


class Boundaries:
    """Counts boundaries, and kills this process at one of them.

    Args:
        fatal: The number of the boundary to die at, from 1.
    """

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def cross(self) -> None:
        """Pass one boundary, or die there."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Put a boundary before each call of a function."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.cross()
            return function(*args, **kwargs)

        return wrapped


def wrap_platforms(boundaries: Boundaries) -> None:
    """Put boundaries before the steps of every deployment type, and before every store's writes."""
    wrapped: set[type] = set()
    kind: Kind = "deployment"
    for cls in registry().all(kind).values():
        original = cls.steps

        def steps(self: Any, ctx: Any, _original: Callable[..., Sequence[Any]] = original) -> Sequence[Any]:
            found = _original(self, ctx)
            for step in found:
                if type(step) not in wrapped:
                    wrapped.add(type(step))
                    type(step).apply = boundaries.before(type(step).apply)
                    type(step).remove = boundaries.before(type(step).remove)
            return found

        cls.steps = steps
    wrap_stores({"write", "delete"}, boundaries.before)


if __name__ == "__main__":
    wrap_platforms(Boundaries(int(sys.argv[1])))
    main(sys.argv[2:])
