"""The memory of the process: one heap for all threads, so that memory freed by one can be used by the next.

With a heap of its own, a thread that decodes gives the pages of each body back to the system and takes them again for
the next: half of the time of a body of 8 MB went there, and what the threads kept added up. Sources:
https://man7.org/linux/man-pages/man3/mallopt.3.html (M_ARENA_MAX),
https://arrow.apache.org/docs/python/memory.html#memory-pools (read 2026-11).
"""

from __future__ import annotations

import contextlib
import ctypes
import os

_M_ARENA_MAX = -8
_VARIABLE = "MALLOC_ARENA_MAX"


def share_one_heap() -> None:
    """Make all new threads share one heap, unless the environment sets their number or the C library is not glibc."""
    if _VARIABLE in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back_free_memory() -> None:
    """Give the system what was freed, so that forks do not begin with it; where the C library is not glibc, nothing."""
    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        ctypes.CDLL(None).malloc_trim(0)


def share_it_with_arrow() -> None:
    """Make Arrow use this heap too; pyarrow has to be installed."""
    import pyarrow as pa  # late: few servers need it

    pa.set_memory_pool(pa.system_memory_pool())
