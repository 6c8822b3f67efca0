from __future__ import annotations

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_server.pages.openapi.names import Names, class_name, function_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("predict_proba", "PredictProba"),
        ("predictProba", "PredictProba"),
        ("sepal length (cm)", "SepalLengthCm"),
        ("apps/iris-v2", "AppsIrisV2"),
        ("größe", "Grosse"),
        ("été", "Ete"),
        ("日本", "Model"),
        ("3d", "Model3d"),
        ("", "Model"),
    ],
)
def test_a_class_is_called_as_classes_are(text: str, name: str) -> None:
    assert class_name(text, otherwise="Model") == name


@given(st.lists(st.text(), max_size=5))
def test_whatever_it_is_made_of_a_name_is_one(parts: list[str]) -> None:
    name = class_name(*parts, otherwise="Model") + "Row"
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)
    assert not keyword.iskeyword(name)


@given(st.text())
def test_a_function_has_a_name_in_every_language(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", function_name(text, "call"))


@given(st.lists(st.sampled_from(["a", "A", "a_", "a2", "a_2", "b"]), max_size=12))
def test_no_two_names_differ_in_case_and_underscores_alone(wanted: list[str]) -> None:
    names = Names(["B"])
    given_ = [names.free(name).replace("_", "").lower() for name in wanted]
    assert len({*given_, "b"}) == len(given_) + 1


def test_the_first_name_that_is_free_is_taken() -> None:
    names = Names()
    assert [names.free("Row", "PredictRow") for _ in range(4)] == ["Row", "PredictRow", "PredictRow2", "PredictRow3"]


def test_a_name_is_none_of_some_others() -> None:
    assert Names().free("Error", others=["error", "code"]) == "Error2"
