"""The state manager: where the store is; leases, repeats and recovery are mlem's."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from mlem import DeclarationError, Store
from mlem.provider import LeasedStateManager

from mlem_state_cumulus.store import CumulusStore


class CumulusStateManager(LeasedStateManager):
    """Keeps states in Cumulus: ``cumulus:///srv/states.db``."""

    type: ClassVar[str] = "cumulus"

    @property
    def conflicts_are_final(self) -> bool:
        """Nothing between us and the store repeats a request."""
        return True

    def open_store(self, root: Path) -> Store:
        """Return the store; `root` is the project's folder, from which a relative path starts."""
        parts = urlsplit(self.uri)
        if parts.scheme != "cumulus" or not parts.path or parts.netloc:
            raise DeclarationError(f"{self.uri} is not a place in Cumulus", hint="cumulus:///srv/states.db")
        return CumulusStore(root / unquote(parts.path))
