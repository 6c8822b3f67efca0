"""Tables for notebooks: whatever is in a value is shown, and never part of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LONGEST = 200


def cell(value: object) -> str:
    """Return a value as text of a page: on one line, not longer than a cell should be, with nothing to obey.

    What can't be printed, such as characters that turn the direction of what follows, is shown as its escape.
    """
    from html import escape  # late: every command imports what has a table, and hardly any shows one

    text = str(value)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return escape("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return a table with a line for each of several things.

    Args:
        header: The names of the columns.
        rows: The values.
        caption: What it is about.
    """
    return _table(caption, [_row("th", header)], [_row("td", row) for row in rows])


def fields(caption: str, values: Iterable[tuple[str, object]]) -> str:
    """Return a table of what is known of one thing; a value that is None or empty is left out.

    Args:
        caption: What it is.
        values: Names and values.
    """
    known = [(name, value) for name, value in values if value is not None and value != ""]
    return _table(caption, [], [f"<tr><th>{cell(name)}</th><td>{cell(value)}</td></tr>" for name, value in known])


def _row(tag: str, values: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell(value)}</{tag}>' for value in values)}</tr>"


def _table(caption: str, head: Sequence[str], body: Sequence[str]) -> str:
    return "".join(
        [
            "<table>",
            f"<caption>{cell(caption)}</caption>" if caption else "",
            f"<thead>{''.join(head)}</thead>" if head else "",
            f"<tbody>{''.join(body)}</tbody></table>",
        ]
    )
