"""When a deployment expires: a file beside its log, which the supervisor looks at."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from mlem.provider import unusable

EXPIRY_FILE = "expires"


def write_expiry(folder: Path, at: str | None) -> None:
    """Say when a deployment expires: UTC, ISO 8601; None for never.

    Raises:
        PlatformError: The folder can't be written.
    """
    partial = folder / f".{EXPIRY_FILE}.{os.getpid()}"
    try:
        if at is None:
            (folder / EXPIRY_FILE).unlink(missing_ok=True)
        else:
            partial.write_text(at)
            partial.replace(folder / EXPIRY_FILE)
    except OSError as error:
        raise unusable(folder / EXPIRY_FILE, error, "keep the time of expiry") from error


def expired(folder: Path) -> str | None:
    """Return when a deployment expired; None where it has not, or never does."""
    try:
        at = (folder / EXPIRY_FILE).read_text()
        return at if datetime.fromisoformat(at) <= datetime.now(UTC) else None
    except (OSError, ValueError, TypeError):
        return None


def forget_expiry(folder: Path) -> None:
    """Forget a time that is over: what is started now has one of its own, or none."""
    if expired(folder) is not None:
        write_expiry(folder, None)
