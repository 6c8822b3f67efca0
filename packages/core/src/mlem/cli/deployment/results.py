"""What a command did or would do, in Markdown: for the comment on a pull request, and for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlem.cli.terminal.markdown import code, markdown_table


@dataclass(frozen=True)
class Entry:
    """What there is to say about one deployment.

    Attributes:
        name: Its name.
        done: What was done, in a few words of ours.
        data: The result as plain data, as ``--output json`` prints it.
        error: How it failed, as ``--output json`` prints it; None where it did not.
        took_s: How long it took, in seconds.
    """

    name: str
    done: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    took_s: float = 0.0


def plans_in_markdown(entries: Sequence[Entry]) -> str:
    """Say what a run would change: how many deployments, then each that changes or can't be planned, with its steps."""
    differing = [one for one in entries if one.data.get("differs")]
    failed = [one for one in entries if one.error is not None]
    same = [one for one in entries if one.error is None and not one.data.get("differs")]
    parts = [f"### {_heading(entries, differing, failed)}"]
    for one in differing:
        rows = [
            [code(change["step"]), change["action"], code(change["reason"]), code(change["downtime"])]
            for change in one.data["changes"]
        ]
        parts += [f"**{code(one.name)}**", markdown_table(["step", "action", "why", "downtime"], rows)]
        parts += _protection(one.data.get("protection") or {})
    parts += [f"**{code(one.name)}**: {_failed(one.error)}" for one in failed if one.error is not None]
    if same and len(entries) > 1:
        parts.append(f"Nothing to change: {', '.join(code(one.name) for one in same)}")
    return "\n\n".join(parts)


def results_in_markdown(entries: Sequence[Entry]) -> str:
    """Say what was done with each deployment, or how it failed."""
    rows = [
        [
            code(one.name),
            one.done if one.error is None else _failed(one.error),
            code(one.data.get("release") or ""),
            code(str(one.data.get("model_hash") or "")[:8]),
            code(one.data.get("url") or ""),
            f"{one.took_s:.1f} s" if one.error is None else "",
        ]
        for one in entries
    ]
    return markdown_table(["deployment", "result", "release", "model", "url", "took"], rows)


def _heading(entries: Sequence[Entry], differing: Sequence[Entry], failed: Sequence[Entry]) -> str:
    refused = f", {len(failed)} can't be planned" if failed else ""
    if not differing:
        return f"Nothing to change{refused}"
    steps = sum(change["action"] != "keep" for one in differing for change in one.data["changes"])
    words = f"{steps} change{'' if steps == 1 else 's'}"
    return (words if len(entries) == 1 else f"{words} in {len(differing)} of {len(entries)} deployments") + refused


def _protection(protection: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what becomes of the protection where it changes."""
    changed = {key: one for key, one in protection.items() if (one["old"] or None) != (one["new"] or None)}
    return [f"{key}: {code(one['old'] or 'none')} → {code(one['new'] or 'none')}" for key, one in changed.items()]


def _failed(error: Mapping[str, Any]) -> str:
    lines = str(error.get("message", "")).split("\n")
    ends = lines if len(lines) < 3 else [lines[0], lines[-1]]  # a log may be between them
    return f"failed: {code(error['code'])} {code('; '.join(ends))}"
