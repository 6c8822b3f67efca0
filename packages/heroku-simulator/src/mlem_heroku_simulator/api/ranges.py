"""`part`: the part of a list that a request's ``Range`` header asks for, and the header that asks for the next one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlem_heroku_simulator.api.answer import Answer
from mlem_heroku_simulator.platform.refusal import Refusal

_RANGE = re.compile(
    r"(?P<field>\w+)?\s*(?P<after>\])?(?P<first>[^.;\[\]]*)\.\.(?P<last>[^;\[\]]*)(?P<before>\[)?\s*(?P<options>;.*)?"
)
_MOST = 1000
_USUAL = 200


def part(
    items: Sequence[Any], header: str, fields: Mapping[str, Callable[[Any], Any]], document: Callable[[Any], Any]
) -> Answer:
    """Answer with a part of a list.

    Source: Dev Center, "Platform API Reference", section "Ranges" (read 2026-11): ``version 5..; order=desc,max=10``, a
    ``]`` in front leaves the first one out; 206 and ``Next-Range`` where there is more.

    Args:
        items: All of them.
        header: The header; empty for the usual part, the first 200.
        fields: What may be sorted by, the first one where the header names none; how to read it of an item.
        document: Makes the answer of an item.

    Raises:
        Refusal: The header can't be read, or names another field.
    """
    match = _RANGE.fullmatch(header.strip() or "..")
    field = (match["field"] if match else None) or next(iter(fields))
    if match is None or field not in fields:
        raise Refusal(416, "requested_range_not_satisfiable", f"Range can't be used: {header}")
    options = dict(re.findall(r"(\w+)\s*=\s*(\w+)", match["options"] or ""))
    most = min(int(options["max"]), _MOST) if options.get("max", "").isdigit() else _USUAL
    read, descends = fields[field], options.get("order") == "desc"
    found = sorted(items, key=read, reverse=descends)
    if match["first"].strip():
        found = _from(found, read, match["first"].strip(), descends, leave_out=match["after"] is not None)
    if match["last"].strip():
        found = _from(found[::-1], read, match["last"].strip(), not descends, leave_out=match["before"] is not None)[
            ::-1
        ]
    kept = found[:most]
    if len(kept) == len(found):
        return Answer(200, [document(item) for item in kept])
    next_ = f"{field} ]{read(kept[-1])}..; " + ", ".join(
        f"{name}={value}" for name, value in {**options, "max": most}.items()
    )
    return Answer(206, [document(item) for item in kept], {"Next-Range": next_})


def _from(
    items: Sequence[Any], read: Callable[[Any], Any], first: str, descends: bool, *, leave_out: bool
) -> list[Any]:
    """Leave out what comes before the first one."""

    def kept(value: Any) -> bool:
        limit = type(value)(first)
        return not leave_out if value == limit else bool(value < limit if descends else value > limit)

    try:
        return [item for item in items if kept(read(item))]
    except ValueError:
        raise Refusal(416, "requested_range_not_satisfiable", f"Range can't begin or end with {first}") from None
