"""Deployments in a table, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mlem.cli.terminal.output import table
from mlem.deployments.overview.summary import DeploymentSummary

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

HEADER = ("name", "type", "model", "release", "status", "url", "age", "by", "note")


def summaries(found: Sequence[DeploymentSummary]) -> str:
    """Lay out deployments, with what is wrong with each as a note."""
    return table([_row(one) for one in found], HEADER)


def _row(one: DeploymentSummary) -> list[str]:
    release = "" if one.release is None else str(one.release)
    return [
        one.name,
        one.type or "",
        one.model or "",
        release,
        one.status,
        one.url or "",
        _age(one.since),
        one.by,
        _note(one),
    ]


def _note(one: DeploymentSummary) -> str:
    words = [
        one.error or one.reason,
        "" if one.declared else "not declared here",
        f"locked by {one.locked_by}" if one.locked_by else "",
    ]
    return "; ".join(filter(None, words))


def _age(since: str | None) -> str:
    """Return how long ago a time of a state was, in its largest unit."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(since or "")).total_seconds()
    except (ValueError, TypeError):
        return ""
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds >= length), ("s", 1))
    return f"{max(0, int(seconds // length))} {unit}"
