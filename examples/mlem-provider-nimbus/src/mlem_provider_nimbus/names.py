"""Names of what is made on Nimbus: the same for the same deployment, whenever they are asked for."""

from __future__ import annotations

import hashlib
import re

MOST_CHARACTERS = 40
"""The longest name that Nimbus takes."""


def service_name(deployment: str) -> str:
    """Return the name of a deployment's service: its own, in small letters and digits, where Nimbus takes that.

    Another one gets a part of its digest, so that two deployments never have one name.
    """
    name = re.sub(r"[^a-z0-9]+", "-", deployment).strip("-")[:MOST_CHARACTERS]
    if name == deployment:
        return name
    digest = hashlib.sha256(deployment.encode()).hexdigest()[:8]
    return f"{name[: MOST_CHARACTERS - 9].strip('-') or 'app'}-{digest}"
