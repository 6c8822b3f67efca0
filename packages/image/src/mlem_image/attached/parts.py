"""`Parts`: what an image was put together from, as far as documents name it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Self

from mlem_image.cache.cache import Cache
from mlem_image.images.plan import Plan
from mlem_image.recipes import wheels
from mlem_image.wheels.licences import licences_in


@dataclass(frozen=True)
class Package:
    """A Python package of an image.

    Attributes:
        name: Its name, normalized.
        version: Its version.
        licences: What its metadata says: one expression of SPDX, or names.
        file: The name of its wheel; empty for one of ours that was put into the image as it is installed here.
        sha256: The wheel's digest; empty with the file.
        content: The digest of all its files, for one of ours; a wheel of them differs with who packs it.
    """

    name: str
    version: str
    licences: tuple[str, ...]
    file: str = ""
    sha256: str = ""
    content: str = ""

    @property
    def purl(self) -> str:
        """Its package URL.

        Source: https://github.com/package-url/purl-spec/blob/main/types-doc/pypi-definition.md (read 2026-11).
        """
        from packageurl import PackageURL

        return PackageURL("pypi", name=self.name, version=self.version).to_string()


@dataclass(frozen=True)
class Parts:
    """What an image was put together from.

    Attributes:
        plan: How it was made.
        packages: Its Python packages, ours included, by their names.
    """

    plan: Plan
    packages: tuple[Package, ...]

    @classmethod
    def of(cls, plan: Plan, cache: Cache) -> Self:
        """Return the parts of an image that was made.

        Args:
            plan: How.
            cache: What is known of its wheels; it has to be in use since the image was made.
        """
        chosen = [
            Package(
                wheel.name,
                wheel.version,
                tuple((cache.fact("wheel", wheel.sha256) or {}).get("licences", ())),
                file=wheel.file,
                sha256=wheel.sha256,
            )
            for wheel in plan.chosen
        ]
        recipe = plan.wanted.recipe
        ours = [] if recipe.published else [_own(name) for name in recipe.distributions]
        return cls(plan, tuple(sorted([*chosen, *ours], key=lambda package: package.name)))


def _own(name: str) -> Package:
    found = metadata.distribution(name)
    licences = licences_in((found.read_text("METADATA") or "").encode())
    return Package(name, found.version, tuple(licences), content=wheels.digest((name,)))
