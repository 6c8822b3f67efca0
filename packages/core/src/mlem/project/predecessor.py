"""The distribution ``mlem`` of MLEM 0.4, if it is installed in the same folder.

The two share files and the command.

The one that is installed last overwrites the other, and ``pip uninstall mlem`` removes what both have: the command and
half of this package.
"""

from __future__ import annotations

import os
import re

_METADATA = re.compile(r"mlem-(0\.[0-4](?:\.\w+)*)\.dist-info")


def version_beside(package: str | os.PathLike[str] | None = None) -> str | None:
    """Return the version of MLEM 0.4 whose metadata lies beside a package; None where there is none.

    It lists a single folder, and does without pathlib, because it runs at every start.

    Args:
        package: The folder of the package; this one when None.
    """
    try:
        names = os.listdir(os.path.dirname(package or os.path.dirname(os.path.dirname(__file__))))
    except OSError:
        return None
    return next((found[1] for name in names if name.startswith("mlem-") and (found := _METADATA.fullmatch(name))), None)


def installed_version() -> str | None:
    """Return the version of MLEM 0.4 that is installed anywhere on the path; None where there is none.

    It looks into every folder.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("mlem")
    except PackageNotFoundError:
        return None
    return found if _METADATA.fullmatch(f"mlem-{found}.dist-info") else None


def remedy(core_version: str) -> str:
    """Return the two commands after which only this version is installed, and complete."""
    return f"pip uninstall -y mlem; pip install --force-reinstall --no-deps mlem-core=={core_version}"


def warning(version: str, core_version: str) -> str:
    """Say what is wrong, in one line."""
    return (
        f"warning: mlem {version}, the predecessor, is installed too and shares files with mlem-core; "
        f"to keep this one, complete, run both: {remedy(core_version)}"
    )
