"""`FieldReader`: for translations of what MLEM 0.4 wrote, each of whose fields is mapped, or named in the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlem.errors import DeclarationError


class FieldReader:
    """Takes fields out of mappings, and knows file and path of what it can't translate.

    Args:
        source: The file, for messages.
        prefix: The path of the fields inside it, with its dot.
        hint: What to do about a field that can't be translated.
    """

    def __init__(self, source: str, prefix: str = "", hint: str | None = None) -> None:
        self.source, self.prefix, self._hint = source, prefix, hint

    def fail(self, path: str, reason: str) -> DeclarationError:
        """Return the error of one field."""
        return DeclarationError(f"{self.source}: {self.prefix}{path}: {reason}", hint=self._hint)

    def mapping(self, value: Any, path: str) -> Mapping[str, Any]:
        """Return a mapping.

        Raises:
            DeclarationError: It is none.
        """
        if not isinstance(value, Mapping):
            raise self.fail(path, f"expected a mapping, got {type(value).__name__}")
        return value

    def items(self, value: Any, path: str) -> list[Any]:
        """Return a list.

        Raises:
            DeclarationError: It is none.
        """
        if not isinstance(value, list):
            raise self.fail(path, f"expected a list, got {type(value).__name__}")
        return value

    def pair(self, item: Any, path: str) -> tuple[str, str]:
        """Return the parts of ``NAME=value``.

        Raises:
            DeclarationError: It is something else.
        """
        name, separator, value = str(item).partition("=")
        if not separator:
            raise self.fail(path, f'expected NAME=value, got "{item}"')
        return name, value

    def only(self, value: Mapping[str, Any], known: Iterable[str], path: str) -> None:
        """Refuse fields that nothing stands for here.

        Raises:
            DeclarationError: There is one.
        """
        unknown = next((key for key in value if key not in set(known)), None)
        if unknown is not None:
            raise self.fail(f"{path}.{unknown}".lstrip("."), "MLEM 0.4's field has no counterpart in this version")
