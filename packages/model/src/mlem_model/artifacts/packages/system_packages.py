"""Debian packages with the shared libraries that wheels load and do not bring."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mlem_model.artifacts.packages.requirement import Requirement

NAME = r"^[a-z0-9][a-z0-9+.-]+$"
"""A Debian package's name. Source: https://www.debian.org/doc/debian-policy/ch-controlfields.html#source (read
2026-11)."""

OF_WHEELS: Mapping[str, tuple[str, ...]] = {"lightgbm": ("libgomp1",)}
"""By the name that a package is installed by. Source: https://pypi.org/project/lightgbm, "Installation", on Linux: the
wheel needs OpenMP's ``libgomp.so.1`` (read 2026-11)."""


def system_packages(requirements: Iterable[Requirement], more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what has to be installed beside some Python packages, sorted.

    Args:
        requirements: The Python packages.
        more: What the model's type names besides.
    """
    named = (re.sub(r"[-_.]+", "-", requirement.package_name).lower() for requirement in requirements)
    return tuple(sorted({*more, *(package for name in named for package in OF_WHEELS.get(name, ()))}))
