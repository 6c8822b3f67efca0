"""What is installed, against what a model was saved with."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator

from mlem_model.artifacts.packages.requirement import Requirement


def other_versions(requirements: Iterable[Requirement]) -> Iterator[tuple[Requirement, str | None]]:
    """Yield the packages that are not installed in the version that a model was saved with.

    Labels of builds, such as ``+cpu``, do not count.

    Args:
        requirements: The packages of the model.

    Returns:
        Each with the version that is installed; None where none is.
    """
    for requirement in requirements:
        try:
            installed = importlib.metadata.version(requirement.package_name)
        except importlib.metadata.PackageNotFoundError:
            yield requirement, None
            continue
        if requirement.version and installed.partition("+")[0] != requirement.public_version:
            yield requirement, installed
