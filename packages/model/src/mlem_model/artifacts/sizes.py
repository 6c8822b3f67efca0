"""Sizes as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_in_words(size_bytes: int) -> str:
    """Return a size with one decimal and its unit, by thousands, as Docker and disks count: ``41.2 MB``.

    Args:
        size_bytes: The size in bytes.
    """
    size, unit = float(size_bytes), 0
    while size >= 999.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size_bytes} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
