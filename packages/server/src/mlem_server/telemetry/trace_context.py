"""The trace that a request belongs to, as its caller says.

Source: W3C, "Trace Context", section 3.2, https://www.w3.org/TR/trace-context/ (read 2026-11).
"""

from __future__ import annotations

import re

_PARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 1


def trace_id_of(parent: bytes | None) -> str:
    """Return the id of the trace in a header ``traceparent``; empty where there is none, or it is not recorded."""
    found = _PARENT.fullmatch(parent or b"")
    if found is None or not int(found[2], 16) & _SAMPLED or not int(found[1], 16):
        return ""
    return found[1].decode()
