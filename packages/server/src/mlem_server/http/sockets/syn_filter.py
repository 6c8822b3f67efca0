"""Makes the kernel ignore new callers of a listening socket that is about to be closed.

It would reset callers that wait at a closed socket.

A caller that is ignored tries again a second later, and finds the port closed, or the next server.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys

_SO_ATTACH_FILTER, _SO_DETACH_FILTER, _SO_LOCK_FILTER = 26, 27, 44
_FILTER = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""As code, jump if true, jump if false, operand: load the flags of TCP, drop what has SYN, let everything else pass.

Sources: https://docs.kernel.org/networking/filter.html (instructions; SO_ATTACH_FILTER, SO_LOCK_FILTER) and RFC 9293,
section 3.1 (flags), read 2026-11.
"""


def drop_new_connections(listener: socket.socket, *, for_good: bool = False) -> bool:
    """Make the kernel ignore new callers, while those whose handshake has begun may finish it.

    Args:
        listener: The listening socket; it is ignored for every process that has it.
        for_good: Whether no process may undo it.

    Returns:
        Whether it worked; only Linux can.
    """
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _FILTER))
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_FILTER), ctypes.addressof(program))
        )
        if for_good:
            listener.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
    except PermissionError:  # another process has done it, for good
        return True
    except OSError:  # a sandbox without such filters, or a closed socket
        return False
    return True


def admit_new_connections(listener: socket.socket) -> None:
    """Undo `drop_new_connections`, unless that was for good."""
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
