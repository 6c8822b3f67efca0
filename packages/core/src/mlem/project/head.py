"""What a file says of itself before its fields: which kind of object it declares, and who wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem.project.project import Location
from mlem_model.errors import DeclarationError


def maker_of(data: Mapping[str, Any]) -> str:
    """Return the distribution that wrote a file, with its version, where the file says it: ours do not."""
    return str(data.get("made_by") or "")


def expect_object(data: Mapping[str, Any], kind: str, location: Location) -> None:
    """Check the kind of object that a file declares.

    Raises:
        DeclarationError: It declares another kind, or none.
    """
    found = data.get("object_type")
    if found != kind:
        raise DeclarationError(
            f"{location}: expected a {kind}, got {'no object_type' if found is None else f'a {found}'}",
            code="wrong-object",
        )
