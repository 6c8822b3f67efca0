"""`Foreign`: the releases that somebody else made since the one on record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ROLLBACK = re.compile(r"Rollback to v(\d+)")

_MOST_TOLD = 3


@dataclass(frozen=True)
class Foreign:
    """What somebody else released.

    Attributes:
        version: The newest one's version.
        what: What it was, and by whom, in words, and what came before it.
        same_model: Whether it runs the image on record: nothing but config vars changed, or it was rolled back to.
    """

    version: int
    what: str
    same_model: bool

    @classmethod
    def of(cls, releases: Sequence[Mapping[str, Any]], recorded: int) -> Foreign | None:
        """Read the releases that are newer than the one on record.

        The result is None where there is none.

        Source: Dev Center, "Releases": releases are called ``Set NAME config vars``, ``Remove NAME config vars``,
        ``Rollback to v46``, ``Deployed web (image)`` (read 2026-11).

        Args:
            releases: Newest first.
            recorded: The version on record.
        """
        if not releases:
            return None
        alike = {recorded}
        for release in reversed(releases):
            said = str(release.get("description"))
            back = _ROLLBACK.fullmatch(said)
            earlier = int(back[1]) if back else release["version"] - 1
            if earlier in alike and (back or said.endswith("config vars")):
                alike.add(release["version"])
        told = [_told(release) for release in releases[:_MOST_TOLD]]
        more = len(releases) - len(told)
        what = ", after ".join(told + ([f"{more} more"] if more else []))
        return cls(releases[0]["version"], what, releases[0]["version"] in alike)


def _told(release: Mapping[str, Any]) -> str:
    who = (release.get("user") or {}).get("email")
    return f'"{release.get("description")}"{f" by {who}" if who else ""}'
