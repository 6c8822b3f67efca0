"""`LockedWheel`: a package with its version, and the one file of it that an image gets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from mlem import ConflictError, NotFoundError, PlatformError
from mlem_image.packages.commands import OF_NO_WHEEL
from mlem_image.packages.target import Target
from mlem_image.recipes.pins import Pins

Allowed = Mapping[str, Sequence[str]]
"""Packages of which only some files may be taken, by their normalized names, with the SHA-256 of these."""
NO_HASHES: Allowed = {}
_VCS = re.compile(r"[a-z]+\+")
_URL = re.compile(r"https?://[!%&+,./0-9:=?@A-Z_a-z~\[\]-]{1,2000}")
LARGE_BYTES = 8 * 2**20
"""A wheel that is larger has a layer of its own, which images with other packages share."""


@dataclass(frozen=True)
class LockedWheel:
    """One of them.

    Attributes:
        name: The package's name, normalized.
        version: Its version.
        file: The wheel's name.
        sha256: The wheel's digest.
        url: Where it is, or the repository that it was built from, if the requirement named it; else empty.
        size_bytes: Its length, as the index says; 0 where that does not.
        place: Where the index has it, without credentials; empty where that is not told.
        built: Whether it was built here, and is in the cache.
    """

    name: str
    version: str
    file: str
    sha256: str
    url: str = ""
    size_bytes: int = 0
    place: str = ""
    built: bool = False

    @property
    def line(self) -> str:
        """The line that makes pip take it, and nothing else; one from a repository has a commit and no hash."""
        if _VCS.match(self.url):
            return f"{self.name} @ {self.url}"
        what = f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"
        return f"{what} --hash=sha256:{self.sha256}"

    @property
    def direct_line(self) -> str:
        """The same without a look at the index's page of the package, which takes pip longer than most wheels."""
        return f"{self.name} @ {self.place} --hash=sha256:{self.sha256}" if self.place else self.line


def lines_of(wheels: Sequence[LockedWheel]) -> list[str]:
    """Return the lines of packages in the order that files of requirements have them."""
    return sorted((wheel.line for wheel in wheels), key=str.lower)


def read_lock(text: str, target: Target, pins: Pins | None = None, allowed: Allowed = NO_HASHES) -> list[LockedWheel]:
    """Read what uv has chosen, and take the best wheel of each package.

    Source: https://packaging.python.org/en/latest/specifications/pylock-toml/ (read 2026-11).

    Args:
        text: A lock file.
        target: What the wheels are for.
        pins: Packages that were chosen before: of those it has to be the very file; None for none.
        allowed: Packages of which only some files may be taken.

    Raises:
        ConflictError: There is another file of a package that was chosen before, or none of those that may be taken.
        NotFoundError: A package has no wheel for it.
        PlatformError: It is no such file.
    """
    try:
        packages = tomllib.loads(text)["packages"]
        places = {tag: place for place, tag in enumerate(target.tags)}
        known = pins.digests if pins is not None else {}
        return [_best(package, places, target, known, allowed) for package in packages]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise PlatformError(f"uv has written a lock file that can't be read: {error!r}", code="packages") from error


def _best(
    package: Mapping[str, Any], places: Mapping[Any, int], target: Target, known: Mapping[str, str], allowed: Allowed
) -> LockedWheel:
    name, version = canonicalize_name(package["name"]), str(package.get("version", ""))
    # the requirement of an archive has an address
    found = [package["archive"]] if "archive" in package else package.get("wheels", ())
    fitting = []
    for wheel in found:
        file = unquote(wheel.get("name") or urlsplit(wheel.get("url") or wheel["path"]).path.rpartition("/")[2])
        try:
            _, parsed, _, tags = parse_wheel_filename(file)
        except InvalidWheelFilename:
            continue
        place = min((places[tag] for tag in tags if tag in places), default=None)
        if place is not None:
            url = str(wheel.get("url", "")) if "archive" in package else ""
            digest, size = str(wheel["hashes"]["sha256"]), wheel.get("size")
            known_bytes = size if isinstance(size, int) and size > 0 else 0
            fetched = "" if url else _place(str(wheel.get("url", "")), file)
            fitting.append((place, LockedWheel(name, version or str(parsed), file, digest, url, known_bytes, fetched)))
    if not fitting:
        raise NotFoundError(
            f"{name} {version} has no wheel for {target.architecture}, {target.libc} and Python {target.python}",
            code="no-wheel",
            hint=OF_NO_WHEEL,
        )
    if name in allowed:
        fitting = [(place, wheel) for place, wheel in fitting if wheel.sha256 in allowed[name]]
        if not fitting:
            raise ConflictError(
                f"the index has no file of {name} {version} that it had when the model was saved",
                code="hashes-differ",
                hint="find out who replaced it; save the model again if that is right",
            )
    pinned = known.get(name)
    same = [wheel for _, wheel in fitting if wheel.sha256 == pinned]
    if pinned is not None and not same:
        raise ConflictError(
            f"the index has another file of {name} {version} than the one that was chosen for this deployment",
            code="hashes-differ",
            hint="find out who replaced it; with another resolution in the declaration, such as a date, "
            "packages are chosen again",
        )
    return same[0] if same else min(fitting, key=lambda item: item[0])[1]


def _place(url: str, file: str) -> str:
    """Return an address without credentials; empty where it can't be in a line for pip, or names another file."""
    parts = urlsplit(url)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    named = unquote(parts.path).rpartition("/")[2] == file
    return plain if named and _URL.fullmatch(plain) else ""
