"""Which method a call is for."""

from __future__ import annotations

import pytest

from mlem_model.errors import UserError
from mlem_model.models.method_choice import default_method, find_method


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["predict"], "predict"),
        (["decision_function", "predict"], "predict"),
        (["encode"], "encode"),
        (["transform", "inverse_transform"], "transform"),
    ],
)
def test_a_call_that_names_no_method_is_for_predict_or_else_for_the_first(methods: list[str], chosen: str) -> None:
    assert default_method(methods) == chosen


def test_a_method_is_found_by_its_name() -> None:
    assert find_method({"forecast": 1, "encode": 2}, "encode") == 2


def test_an_unknown_method_comes_with_those_that_there_are() -> None:
    with pytest.raises(UserError) as caught:
        find_method({"forecast": 1, "encode": 2}, "predict")
    assert (caught.value.message, caught.value.code, caught.value.known) == (
        'the model has no method "predict"',
        "unknown-method",
        ("encode", "forecast"),
    )
