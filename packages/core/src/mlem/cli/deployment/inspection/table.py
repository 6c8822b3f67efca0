"""Deployments in a table, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mlem.cli.terminal.output import table
from mlem.deployments.overview.summary import DeploymentSummary
from mlem.project.duration import in_words

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
        f"overlays: {', '.join(one.overlays)}" if one.overlays and one.release is None else "",
        *(f"{change.step} differs: {change.reason}" for change in one.drift),
        "" if one.declared else "not declared here",
        f"locked by {one.locked_by}" if one.locked_by else "",
        _expiry(one.expires),
    ]
    return "; ".join(filter(None, words))


def _age(since: str | None) -> str:
    """Return how long ago a time of a state was, in its largest unit."""
    ago_s = _ago_s(since)
    return "" if ago_s is None else in_words(ago_s)


def ago(at: str | None) -> str:
    """Return how long ago a time of a state was, in words: ``3 h ago``; empty where there is none."""
    age = _age(at)
    return f"{age} ago" if age else ""


def _expiry(expires: str | None) -> str:
    ago_s = _ago_s(expires)
    if ago_s is None:
        return ""
    return f"expires in {in_words(-ago_s)}" if ago_s < 0 else f"expired {in_words(ago_s)} ago"


def _ago_s(at: str | None) -> float | None:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(at or "")).total_seconds()
    except (ValueError, TypeError):
        return None
