"""Answers that come item by item, decoded as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from mlem_model.errors import UserError

if TYPE_CHECKING:
    from mlem_model.models.model import Method


def items(method: str, described: Method, encoded: Iterator[Any]) -> Iterator[Any]:
    """Decode the items of a stream.

    Args:
        method: The method's public name.
        described: The method.
        encoded: The items; closed at the end, and when the caller leaves.
    """
    try:
        for item in encoded:
            yield _item(method, described, item)
    finally:
        close = getattr(encoded, "close", None)
        if close is not None:
            close()


async def items_async(method: str, described: Method, encoded: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Decode the items of a stream as they arrive, for ``async for``.

    Args:
        method: The method's public name.
        described: The method.
        encoded: The items; closed at the end, and when the caller leaves.
    """
    try:
        async for item in encoded:
            yield _item(method, described, item)
    finally:
        close = getattr(encoded, "aclose", None)
        if close is not None:
            await close()


def _item(method: str, described: Method, item: Any) -> Any:
    """Decode an item; one that is not of the recorded type is left as JSON has it."""
    from mlem_model.data.types.any import ListType

    item_type = described.returns.dtype if isinstance(described.returns, ListType) else None
    try:
        return item if item_type is None else item_type.decode(item, f"an item of {method}")
    except UserError:
        return item
