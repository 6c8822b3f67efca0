"""`Pins`: the packages of an image with versions and hashes, chosen once and kept for what is built later."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from packaging.utils import canonicalize_name

from mlem import ConflictError

if TYPE_CHECKING:
    from mlem_image.recipes.recipe import Recipe

FOLDER = "/venv/pins"
"""Where an image has them."""
MOST_BYTES = 1 << 20
_MARK = " --hash="
_NAME = r"[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?"
_URL = r"[a-z]+(\+[a-z]+)?://[!#%&+,./0-9:=?@A-Z_a-z~\[\]-]+"
_LINE = re.compile(
    rf"{_NAME}(==[0-9A-Za-z][0-9A-Za-z.!+_-]*|( @ {_URL})) --hash=sha256:[0-9a-f]{{64}}|{_NAME} @ [a-z]+\+{_URL}"
)


class Chosen(Protocol):
    """A record of the packages that were chosen for an image."""

    @property
    def pins(self) -> list[str]:
        """The packages, as lines."""

    @property
    def pins_for(self) -> str:
        """What they were chosen for, see `fits_for`."""


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
    def versions(self) -> tuple[tuple[str, str], ...]:
        """Names and versions of those that an index has."""
        pairs = (line.partition(_MARK)[0].partition("==") for line in self.hashed)
        return tuple((name, version) for name, equals, version in pairs if equals)

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file that an index has, by the package's normalized name."""
        names = [line.partition("==")[0] for line in self.hashed if "==" in line.partition(_MARK)[0]]
        hashes = [line.rpartition(":")[2] for line in self.hashed if "==" in line.partition(_MARK)[0]]
        return dict(zip(map(canonicalize_name, names), hashes, strict=True))

    @property
    def unhashed(self) -> tuple[str, ...]:
        """Those from a repository."""
        return tuple(line for line in self.lines if _MARK not in line)


def fits_for(recipe: Recipe, architecture: str) -> str:
    """Return what tells whether the packages that were chosen for one image fit another.

    Args:
        recipe: What the image is made from.
        architecture: That of the image: ``amd64``.
    """
    return fits(recipe.requirements_digest, architecture)


def fits(requirements: str, architecture: str) -> str:
    """Return the same from the digest of a recipe's requirements."""
    return hashlib.sha256(f"{requirements}/{architecture}".encode()).hexdigest()[:32]


def known_pins(recipe: Recipe, architecture: str, recorded: Chosen | None) -> Pins | None:
    """Return the packages that were chosen for equal requirements; None where they are still to be chosen.

    Args:
        recipe: What an image is made from.
        architecture: That of the image.
        recorded: What is on record of the last image; None for nothing.

    Raises:
        ConflictError: One of them is not a pin.
    """
    if recorded is None or recorded.pins_for != fits_for(recipe, architecture):
        return None
    return Pins.of(recorded.pins)
