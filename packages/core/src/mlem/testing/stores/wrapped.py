"""Something before the requests of every store, put there from outside: the product knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from mlem.state.manager import Store
from mlem.state.retrying import RetryingStore


def wrap_stores(names: Set[str], around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Wrap methods of every store, also of one whose module is imported later.

    Args:
        names: The methods.
        around: Returns what is called instead of a method.
    """

    def wrap(store: type[Store]) -> None:
        if store is RetryingStore:
            return  # it passes on to another one
        for name in names & vars(store).keys():
            setattr(store, name, around(getattr(store, name)))

    for store in Store.__subclasses__():
        wrap(store)
    Store.__init_subclass__ = classmethod(wrap)  # type: ignore[assignment]  # called with each class that is made from now on
