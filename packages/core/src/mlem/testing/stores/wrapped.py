"""Wrappers around the requests of every store, put there from outside: the product knows nothing about them."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from mlem.state.manager import Store
from mlem.state.stores.retrying import RetryingStore


def wrap_stores(names: Set[str], around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Wrap methods of every store, even of one whose module is imported later.

    Args:
        names: The methods.
        around: Returns what is called instead of a method.
    """

    def wrap(store: type[Store]) -> None:
        if store is RetryingStore:
            return  # it passes on to another store
        for name in names & vars(store).keys():
            setattr(store, name, around(getattr(store, name)))

    for store in Store.__subclasses__():
        wrap(store)
    # called with each class that is made from now on
    Store.__init_subclass__ = classmethod(wrap)  # type: ignore[assignment]
