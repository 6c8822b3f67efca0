"""`ProcessLocal`: a value that a process makes for itself, and shares neither with forked processes nor with copies."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

ValueT = TypeVar("ValueT")

_mark = object()


def _renew() -> None:
    global _mark
    _mark = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def this_process() -> tuple[int, object]:
    """Return an identity of this process that differs from those it was forked from, even where a number is reused.

    The number alone is not enough: it is reused when a process has ended, and in a new namespace. The mark alone is not
    enough either: programs that fork without Python's knowledge keep it.
    """
    return os.getpid(), _mark


class ProcessLocal(Generic[ValueT]):
    """A value that is made when this process first asks for it: connections, for example.

    Two processes that share a connection read one another's answers. After a fork the child makes its own; what its
    parent made is neither used nor closed there, since closing may take a lock that was held when the process was
    forked. A copy, and what a pickle brings back, begin without a value.

    Args:
        make: Makes the value; to be pickled, it is a function of a module.
    """

    def __init__(self, make: Callable[[], ValueT]) -> None:
        self._make = make
        self._made: dict[object, ValueT] = {}

    def get(self) -> ValueT:
        """Return this process's value; all its threads get the same."""
        process = this_process()
        found = self._made.get(process)
        return self._made.setdefault(process, self._make()) if found is None else found

    def take(self) -> ValueT | None:
        """Return this process's value and forget it; None when there is none."""
        return self._made.pop(this_process(), None)

    def __reduce__(self) -> tuple[Any, ...]:
        return ProcessLocal, (self._make,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessLocal) and other._make is self._make

    def __hash__(self) -> int:
        return hash(self._make)
