"""Markdown for comments and summaries: tables, and values that are shown, not obeyed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlem.cli.terminal.messages import plain

_LONGEST = 500
_OBEYED = re.compile(r"[!#$&*:<>@\[\\\]^_`{|}~]|(?<=[wW])\.")
"""What begins a mark, a tag, a link, a formula, a name, a reference to an issue, or ends a cell."""


def code(value: object) -> str:
    """Return a value as code on one line, whatever is in it; nothing for an empty one.

    What could be taken for Markdown, HTML or the end of a cell becomes an entity, which never is; within
    ``<code>`` neither GitHub nor GitLab looks for names to notify.

    Source: CommonMark 0.31.2, section 2.5, "Entity and numeric character references"; GitHub and GitLab, the filters of
    html-pipeline and Banzai for mentions, which leave out ``code`` (read 2026-11).
    """
    text = " ".join(plain(str(value)).split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    shown = _OBEYED.sub(lambda match: f"&#{ord(match[0])};", text)
    return f"<code>{shown}</code>" if shown else ""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
