"""What Heroku offers, as far as the simulator goes, and how it refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlem_heroku_simulator.limits import APP_NAME, DYNO_SIZES
from mlem_heroku_simulator.platform.refusal import Refusal

REGIONS = ("us", "eu")
STACKS = ("container", "heroku-22", "heroku-24")
EMAIL = "simulator@example.com"
_NAMES = (
    "must start with a letter, end with a letter or digit and can only contain lowercase letters, digits, and dashes."
)


def size_name(size: Any) -> str | None:
    """Return a size as the API writes it: ``Standard-1X``.

    The result is None for none.
    """
    given = size.get("name") or size.get("id") if isinstance(size, Mapping) else size
    if not given:
        return None
    if str(given).lower() not in DYNO_SIZES:
        raise Refusal(422, "invalid_params", f"Couldn't find that dyno size: {given}.")
    first, *rest = str(given).lower().split("-")
    return "-".join([first.capitalize(), *(word.upper() for word in rest)])


def expect_stack(stack: str) -> None:
    """Refuse a stack that Heroku does not have."""
    if stack not in STACKS:
        raise Refusal(422, "invalid_params", f"Couldn't find that stack: {stack}.")


def expect_region(region: str) -> None:
    """Refuse a region that Heroku does not have."""
    if region not in REGIONS:
        raise Refusal(422, "invalid_params", f"Region {region} is not available")


def expect_name(name: str) -> None:
    """Refuse what is not a name of an app."""
    if not re.fullmatch(APP_NAME, name):
        raise Refusal(422, "invalid_params", f"Name {_NAMES}")
