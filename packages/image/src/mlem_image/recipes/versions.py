"""What a model was saved with against what its image will get: differences that change how pickles load or compute."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mlem import ConflictError, Model

ABI_RELEVANT = frozenset(
    {
        "catboost",
        "cloudpickle",
        "joblib",
        "lightgbm",
        "numpy",
        "onnxruntime",
        "pandas",
        "pyarrow",
        "scikit-learn",
        "scipy",
        "tensorflow",
        "torch",
        "xgboost",
    }
)
"""Packages whose objects are pickled by their inner layout, or whose answers depend on the version."""

WITHOUT_CUDA = {"tensorflow-cpu": "tensorflow", "xgboost-cpu": "xgboost"}
"""Packages that have the same modules as others, and no CUDA: one of them takes the place of the other in an image.

Sources: https://xgboost.readthedocs.io/en/stable/install.html, "Minimal installation (CPU-only)";
https://www.tensorflow.org/install/pip, "TensorFlow CPU" (read 2026-11)."""


def stands_for(package_name: str) -> str:
    """Return the name by which a package is compared with others: ``xgboost`` of ``XGBoost_CPU``."""
    name = canonicalize_name(package_name)
    return WITHOUT_CUDA.get(name, name)


def minor_of(python: str) -> str:
    """Return ``3.11`` of ``3.11.7``."""
    return ".".join(python.split(".")[:2])


def differences(model: Model, python: str, packages: Sequence[str]) -> list[str]:
    """Put the differences that matter into words.

    Args:
        model: The metadata: what it was saved with.
        python: The Python of the image, ``3.11``.
        packages: What the user wants installed instead or besides.

    Returns:
        One line each: ``numpy: saved with 2.1.0, the image gets numpy<2``.
    """
    found = []
    if model.python and minor_of(model.python) != python:
        found.append(f"Python: saved with {minor_of(model.python)}, the image gets {python}")
    wanted = {stands_for(Requirement(package).name): Requirement(package) for package in packages}
    for requirement in model.requirements:
        name = stands_for(requirement.package_name)
        if name in ABI_RELEVANT and name in wanted and not _gives(wanted[name], requirement.public_version):
            found.append(f"{name}: saved with {requirement.version}, the image gets {wanted[name]}")
    return found


def check(model: Model, python: str, packages: Sequence[str]) -> None:
    """Refuse an image that would load the model with other versions than it was saved with.

    Raises:
        ConflictError: There are differences.
    """
    found = differences(model, python, packages)
    if found:
        raise ConflictError(
            "the image would differ from what the model was saved with:\n" + "\n".join(f"    {line}" for line in found),
            code="versions-differ",
            hint="save the model with those versions, or accept it: --accept_version_differences",
        )


def _gives(requirement: Requirement, version: str) -> bool:
    """Whether a requirement can only be met by a version; labels of builds do not count."""
    pins = [specifier for specifier in requirement.specifier if specifier.operator in ("==", "===")]
    try:
        return any(Version(Version(pin.version).public) == Version(version) for pin in pins)
    except InvalidVersion:
        return any(pin.version == version for pin in pins)
