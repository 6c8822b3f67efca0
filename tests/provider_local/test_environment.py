"""What differs from the model's requirements is told."""

from __future__ import annotations

import platform
from importlib.metadata import version

from mlem import Model
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_provider_local.environment import differences


def model(python: str, *requirements: tuple[str, str]) -> Model:
    pinned = tuple(
        Requirement(module=name.replace("-", "_"), version=number, package_name=name) for name, number in requirements
    )
    return Model(model_type="callable", artifacts={}, methods={}, requirements=pinned, python=python)


def test_the_same_versions_differ_in_nothing() -> None:
    assert list(differences(model(platform.python_version(), ("pydantic", version("pydantic"))))) == []


def test_other_versions_and_missing_packages_are_named() -> None:
    assert list(differences(model("2.7.18", ("pydantic", "0.1"), ("no-such-package", "1.0")))) == [
        f"saved with Python 2.7.18, runs with {platform.python_version()}",
        f"saved with pydantic==0.1, {version('pydantic')} is installed here",
        "no-such-package==1.0 is not installed here: pip install no-such-package==1.0",
    ]


def test_the_label_of_a_build_is_no_difference() -> None:
    assert list(differences(model(platform.python_version(), ("pydantic", f"{version('pydantic')}+cu128")))) == []
