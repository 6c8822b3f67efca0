"""The header of a safetensors file: looked at before anything takes memory for what it says.

A file begins with the length of its header in eight bytes, then comes the header in JSON: name, dtype, shape and place
of each tensor, then their bytes.

Source: https://huggingface.co/docs/safetensors/index, "Format" (read 2026-11).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError

_LENGTH_BYTES = 8
LARGEST_HEADER = 32 * 2**20
"""A model of a hundred layers has a header of less than 1 MiB; the library itself takes up to 100 MB."""
_METADATA = "__metadata__"


def expect_plain(path: Path) -> int:
    """Refuse a file whose header is longer than it is, or names tensors beyond its end.

    Args:
        path: The file.

    Returns:
        How many numbers its tensors have together.

    Raises:
        UserError: It is none, or such a one.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(size - _LENGTH_BYTES, LARGEST_HEADER):
                raise ValueError(f"its header would have {length} bytes, and the file has {size}")
            tensors = json.loads(file.read(length))
        if not isinstance(tensors, dict):
            raise ValueError("its header is not a mapping")
        rest = size - _LENGTH_BYTES - length
        return sum(_items(name, tensor, rest) for name, tensor in tensors.items() if name != _METADATA)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(
            f"{path.name} is not a file of safetensors: {str(error)[:200]}", code="no-safetensors"
        ) from error


def _items(name: str, tensor: Any, rest: int) -> int:
    start, stop = tensor["data_offsets"]
    items: int = math.prod(tensor["shape"])
    if not 0 <= start <= stop <= rest or items < 0 or items > 8 * max(stop - start, 1):
        raise ValueError(f"the tensor {name[:80]!r} is not within the file")
    return items
