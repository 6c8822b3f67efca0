"""`Target`: the machine that an image is for, as Python's packages name it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags

from mlem import DeclarationError

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Python's word for a machine by that of images."""
_LEAST_GLIBC = {"x86_64": 5, "aarch64": 17}
"""The oldest minor version of glibc 2 that wheels are for."""
_MANYLINUX_YEARS = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_UV_GLIBC = (17, *range(27, 41))
"""The minor versions of glibc 2 that uv has a name for."""


@dataclass(frozen=True)
class Target:
    """A machine.

    Attributes:
        python: ``3.11``.
        architecture: As images have it: ``amd64``, ``arm64``.
        libc: ``glibc 2.36`` or ``musl 1.2``.
    """

    python: str
    architecture: str
    libc: str

    def __post_init__(self) -> None:
        """Refuse what there are no wheels for."""
        if self.architecture not in MACHINES:
            raise DeclarationError(
                f"there are no packages for {self.architecture}", code="bad-platform", known=sorted(MACHINES)
            )

    @property
    def machine(self) -> str:
        """Python's word for the architecture: ``x86_64``."""
        return MACHINES[self.architecture]

    @property
    def uv_platform(self) -> str:
        """What uv calls it. Source: ``uv pip compile --help``, ``--python-platform``."""
        kind, minor = self._libc
        if kind == "musl":
            return f"{self.machine}-unknown-linux-musl"
        return f"{self.machine}-manylinux_2_{max(known for known in _UV_GLIBC if known <= max(minor, 17))}"

    @property
    def platforms(self) -> list[str]:
        """The platforms whose wheels it can use, the best first.

        Source: https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/ (read 2026-11).
        """
        kind, minor = self._libc
        if kind == "musl":
            return [f"musllinux_1_{number}_{self.machine}" for number in range(minor, -1, -1)]
        found = []
        for number in range(minor, _LEAST_GLIBC[self.machine] - 1, -1):
            found.append(f"manylinux_2_{number}_{self.machine}")
            if number in _MANYLINUX_YEARS:
                found.append(f"{_MANYLINUX_YEARS[number]}_{self.machine}")
        return found

    @property
    def tags(self) -> list[Tag]:
        """The tags of wheels that it can use, the best first."""
        version = tuple(map(int, self.python.split(".")))
        platforms = [*self.platforms, f"linux_{self.machine}"]
        interpreter = f"cp{self.python.replace('.', '')}"
        return [*cpython_tags(version, platforms=platforms), *compatible_tags(version, interpreter, platforms)]

    @property
    def _libc(self) -> tuple[str, int]:
        found = re.fullmatch(r"(glibc|musl) \d+\.(\d+)", self.libc)
        if found is None:
            raise DeclarationError(f"there are no packages for the C library {self.libc!r}", code="bad-platform")
        return found[1], int(found[2])
