"""What was written before the present container, or before its last start.

An Engine keeps one log for each container, over its restarts, and deletes it with the container. So the last lines of a
container that is replaced are written into the one that takes its place, where they are as long as that one is.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mlem import MlemError, NotFoundError
from mlem_provider_docker.api.files import read_path, write_file
from mlem_provider_docker.api.sdk import Engine

FILE = ".mlem-previous.log"
"""In the root folder of a container, readable for root alone."""
_LINES = 2000
_MOST_BYTES = 2**20
_NEVER = "0001-"
"""What the Engine's times begin with where something has not happened."""


def hand_over(engine: Engine, old: str, new: str) -> None:
    """Write the last lines of a container into the one that took its place, before the first goes.

    Where that can't be done, as in one whose root is read-only, they go with it.
    """
    with contextlib.suppress(MlemError):
        kept = deque(engine.logs(old, tail=_LINES), maxlen=_LINES)
        content = "".join(f"{line}\n" for line in kept).encode()[-_MOST_BYTES:]
        if content:
            write_file(engine, new, FILE, content)


def previous_lines(engine: Engine, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a container wrote before its last start; if it was started once, what its predecessor wrote at last.

    Args:
        engine: Where it is.
        found: The container, inspected.

    Raises:
        NotFoundError: There is neither.
    """
    id_, before = str(found["Id"]), _last_start(found["State"])
    lines = list(engine.logs(id_, until=before)) if before is not None else []
    if not lines:
        content = read_path(engine, id_, f"/{FILE}", 2 * _MOST_BYTES).get(FILE, b"")
        lines = content.decode(errors="replace").splitlines()
    if not lines:
        raise NotFoundError(
            "nothing is kept of what ran before: this container was started once, and no other gave way to it, "
            "or its root is read-only",
            code="no-previous-log",
        )
    yield from lines


def _last_start(state: Mapping[str, Any]) -> float | None:
    """Return a time between the last end and the start after it; None where it was started once, as far as is known."""
    started, finished = str(state.get("StartedAt")), str(state.get("FinishedAt"))
    if started.startswith(_NEVER) or finished.startswith(_NEVER):
        return None
    start_s, end_s = (datetime.fromisoformat(_micro(at)).timestamp() for at in (started, finished))
    # one that has ended does not say when it ended before
    return start_s if end_s > start_s else (start_s + end_s) / 2


def _micro(at: str) -> str:
    """Return a time of the Engine's without its nanoseconds, which Python does not read."""
    whole, _, rest = at.partition(".")
    zone = rest.lstrip("0123456789")
    digits = rest.removesuffix(zone)
    return f"{whole}.{digits[:6].ljust(6, '0')}{zone}" if rest else at
