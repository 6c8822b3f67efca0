"""The request's header ``Accept``: which of the formats of an answer the caller wants (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache


@lru_cache(maxsize=256)
def preferred(accept: bytes, offered: Sequence[str], default: str) -> str:
    """Return the media type to answer with.

    Args:
        accept: The header; empty where there is none.
        offered: The media types that the answer can have, a tuple.
        default: The one of these for callers who say nothing, accept anything, or accept none of them.
    """
    wanted = _wanted(accept.decode("latin-1").lower())
    refused = {name for quality, _, name in wanted if not quality}
    for quality, _, name in wanted:
        if not quality:
            break
        family = name.removesuffix("*")
        fits = [name] if name in offered else [default, *offered] if name == "*/*" else []
        if not fits and name.endswith("/*"):
            fits = [item for item in (default, *offered) if item.startswith(family)]
        chosen = next((item for item in fits if item not in refused), None)
        if chosen is not None:
            return chosen
    return default


def _wanted(accept: str) -> list[tuple[float, int, str]]:
    """Return quality, specificity and name of each item, the most wanted first; of equals, in the caller's order."""
    found = []
    for item in accept.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = next(
            (value.strip() for key, _, value in (part.partition("=") for part in parameters) if key.strip() == "q"), "1"
        )
        try:
            found.append((min(max(float(quality), 0.0), 1.0), 2 - name.count("*"), name))
        except ValueError:  # not a number: the item is ignored
            continue
    return sorted(found, key=lambda one: (-one[0], -one[1]))
