"""`Pins`: the packages of an image with versions and hashes, chosen once and kept for what is built later."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlem import ConflictError

FOLDER = "/venv/pins"
"""Where an image has them."""
MOST_BYTES = 1 << 20
_MARK = " --hash="
_NAME = r"[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?"
_URL = r"[a-z]+(\+[a-z]+)?://[!#%&+,./0-9:=?@A-Z_a-z~\[\]-]+"
_LINE = re.compile(
    rf"{_NAME}(==[0-9A-Za-z][0-9A-Za-z.!+_-]*|( @ {_URL})) --hash=sha256:[0-9a-f]{{64}}|{_NAME} @ [a-z]+\+{_URL}"
)


@dataclass(frozen=True, slots=True)
class Pins:
    """Packages with versions and hashes.

    Attributes:
        lines: One for each package, as pip takes it; one from a repository has a commit and no hash.
    """

    lines: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Pins:
        """Check lines that come from an image or a state.

        Raises:
            ConflictError: One is not a pin.
        """
        wrong = next((line for line in lines if not _LINE.fullmatch(line)), None)
        if wrong is not None:
            raise ConflictError(f"{wrong[:200]!r} is not a package with its version and hash", code="bad-pins")
        return cls(tuple(lines))

    @property
    def hashed(self) -> tuple[str, ...]:
        """Those that pip compares with their hashes."""
        return tuple(line for line in self.lines if _MARK in line)

    @property
    def unhashed(self) -> tuple[str, ...]:
        """Those from a repository."""
        return tuple(line for line in self.lines if _MARK not in line)
