"""Small streams of Arrow that begin in a known way: they are read at once, and not on another thread."""

from __future__ import annotations

from typing import Any

from mlem_model.data.formats.arrow.known import Layouts
from mlem_model.models.model import Argument
from mlem_server.decoding.limits import Limits
from mlem_server.decoding.threads import LARGE_BYTES

_NUMBERS_BYTES = 2**20
"""Numbers stay where they are, so that larger streams of them take no longer."""


def at_once(argument: Argument, body: bytes | bytearray, limits: Limits) -> Any:
    """Return the value of a stream; None for one that may take long, or has to be looked at.

    Args:
        argument: What it is the value of.
        body: The stream.
        limits: What it may become.
    """
    data_type = argument.data_type
    if len(body) > _NUMBERS_BYTES or data_type.wire is not data_type:
        return None
    layouts = Layouts.of(data_type)
    if layouts is None or (len(body) > LARGE_BYTES and not layouts.are_numbers(body)):
        return None
    writable = body if isinstance(body, bytearray) else bytearray(body)  # models may write into their input
    return layouts.read(writable, limits.most_bytes)
