"""Heroku's error codes in logs, explained.

Source: Dev Center, "Heroku Error Codes", one section for each code (May 2024, read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

EXPLANATIONS = {
    "R10": "boot timeout: the server was not listening on $PORT 60 s after its start",
    "R12": "exit timeout: the server did not end within 30 s of SIGTERM",
    "R14": "memory quota exceeded: the dyno swaps and is slow; a larger one: --dyno_size standard-2x",
    "R15": "memory quota vastly exceeded: Heroku killed the dyno; a larger one: --dyno_size standard-2x",
    "R99": "an error of Heroku's own",
    "H10": "the app crashed",
    "H12": "a request took more than 30 s",
    "H14": "no web dyno runs: raise --quantity",
    "H20": "requests waited 75 s for a dyno to start",
    "H99": "an error of Heroku's own",
    "L10": "log lines were lost",
}

_IN_A_LINE = re.compile(r"\bError ([RHL]\d\d)\b|\bcode=([RHL]\d\d)\b")
_EXIT = re.compile(r"Process exited with status (\d+)")


def last_code(lines: Iterable[str]) -> str | None:
    """Return the last code of a dyno (``R..``) in log lines."""
    found = [match[1] for line in lines if (match := _IN_A_LINE.search(line)) and (match[1] or "").startswith("R")]
    return found[-1] if found else None


def last_exit(lines: Iterable[str]) -> str | None:
    """Return the last exit status in log lines."""
    found = [match[1] for line in lines if (match := _EXIT.search(line))]
    return found[-1] if found else None


def explain(code: str) -> str:
    """Return a code with what it means: ``R10 (boot timeout: ...)``."""
    return f"{code} ({EXPLANATIONS[code]})" if code in EXPLANATIONS else code
