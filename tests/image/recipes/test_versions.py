"""What a model was saved with against what its image gets."""

from __future__ import annotations

import pytest

from mlem import ConflictError, Model
from mlem_image.recipes.versions import check, differences
from mlem_model.artifacts.packages.requirement import Requirement

MODEL = Model(
    model_type="sklearn",
    artifacts={},
    methods={},
    requirements=(
        Requirement(module="sklearn", version="1.9.1", package_name="scikit-learn"),
        Requirement(module="torch", version="2.5.1+cu128", package_name="torch"),
        Requirement(module="requests", version="2.32.0", package_name="requests"),
    ),
    python="3.11.7",
)


@pytest.mark.parametrize(
    ("python", "packages", "expected"),
    [
        ("3.11", [], []),
        ("3.12", [], ["Python: saved with 3.11, the image gets 3.12"]),
        ("3.11", ["boto3", "requests>=2"], []),
        ("3.11", ["scikit-learn==1.9.1"], []),
        ("3.11", ["Scikit_Learn==1.8.0"], ["scikit-learn: saved with 1.9.1, the image gets Scikit_Learn==1.8.0"]),
        ("3.11", ["torch==2.5.1"], []),
        ("3.11", ["torch==2.5.1+cpu"], []),
        ("3.11", ["torch==2.5"], ["torch: saved with 2.5.1+cu128, the image gets torch==2.5"]),
        ("3.11", ["scikit-learn>=1.9"], ["scikit-learn: saved with 1.9.1, the image gets scikit-learn>=1.9"]),
    ],
)
def test_only_differences_that_matter_are_told(python: str, packages: list[str], expected: list[str]) -> None:
    assert differences(MODEL, python, packages) == expected


def test_a_package_without_cuda_has_to_be_of_the_version_of_the_one_with_it() -> None:
    needed = Requirement(module="xgboost", version="3.2.0", package_name="xgboost")
    model = MODEL.model_copy(update={"requirements": (needed,)})
    assert differences(model, "3.11", ["xgboost-cpu==3.2.0"]) == []
    assert differences(model, "3.11", ["xgboost-cpu==3.1.3"]) == [
        "xgboost: saved with 3.2.0, the image gets xgboost-cpu==3.1.3"
    ]


def test_a_model_that_does_not_say_its_python_is_not_judged() -> None:
    assert differences(MODEL.model_copy(update={"python": ""}), "3.12", []) == []


def test_the_error_says_how_to_accept_it() -> None:
    with pytest.raises(ConflictError) as caught:
        check(MODEL, "3.12", ["scikit-learn"])
    assert (caught.value.code, caught.value.hint) == (
        "versions-differ",
        "save the model with those versions, or accept it: --accept_version_differences",
    )
