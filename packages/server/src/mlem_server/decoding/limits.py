"""`Limits`: how large a body may become when it is decoded, estimated before it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlem_server.http.errors import HttpError

if TYPE_CHECKING:
    import pyarrow

    from mlem_model.data.formats.arrow.values import ReadArrow

    Read = Callable[["bytes | bytearray"], pyarrow.Table]

VALUE_BYTES = 24
"""The approximate size in memory of a JSON value: a number or a short text, and its place in a list."""
_CONTAINER_BYTES = 48
"""What a list or an object needs in addition."""


@dataclass(frozen=True)
class Limits:
    """How large a body may become.

    Attributes:
        most_bytes: Its size in memory, as far as that can be told.
        read_arrow: Reads a stream of Arrow; None without limits.
        read_parquet: Reads a file of Parquet; None without limits.
    """

    most_bytes: float = math.inf
    read_arrow: ReadArrow | None = None
    read_parquet: Read | None = None

    def check_text(self, body: bytes | bytearray, separators: bytes = b",", brackets: bytes = b"") -> None:
        """Refuse a text of too many values.

        Args:
            body: The whole body.
            separators: The separators between values, a byte each.
            brackets: The opening brackets of lists and objects, a byte each.

        Raises:
            HttpError: 413.
        """
        values, containers = (sum(body.count(mark) for mark in marks) for marks in (separators, brackets))
        self.check_values(values + containers, containers)

    def check_values(self, values: int, containers: int = 0) -> None:
        """Refuse what has too many values.

        Raises:
            HttpError: 413.
        """
        if values * VALUE_BYTES + containers * _CONTAINER_BYTES > self.most_bytes:
            message = f"the body has {values} values, more than fit into {self.most_bytes / 2**20:g} MiB"
            raise HttpError(413, "too-many-values", message, hint="send fewer rows at once, or a binary format")


NO_LIMITS = Limits()
