"""`Answer`: what a request is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlem_heroku_simulator.platform.refusal import Refusal


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: The HTTP status.
        body: The body, as plain data.
        headers: Headers beside those that every answer has.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def text(body: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is a text.

    The result is None where it is absent, null or empty.

    Raises:
        Refusal: It is something else.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(422, "invalid_params", f"{name} must be a string.")
    return value or None
