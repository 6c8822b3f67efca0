from __future__ import annotations

from typing import Any

import pytest

from mlem.data import infer
from mlem.model import Argument, Method
from mlem_server.protocols.sagemaker import arguments_of, method_of

X, Y = (Argument(name=name, data_type=infer(1)) for name in "XY")
ONE = Method(name="predict", args=(X,), returns=infer(1))
TWO = Method(name="predict", args=(X, Y), returns=infer(1))
OPTIONAL = Method(name="predict", args=(X, Argument(name="k", data_type=infer(1), required=False)), returns=infer(1))
HEADER = b"x-amzn-sagemaker-custom-attributes"


@pytest.mark.parametrize(
    ("headers", "methods", "name"),
    [
        ({}, ["predict", "predict_proba"], "predict"),
        ({}, ["transform"], "transform"),
        ({}, ["transform", "score"], "predict"),
        ({HEADER: b"method=predict_proba"}, ["predict", "predict_proba"], "predict_proba"),
        ({HEADER: b"trace_id=7; method = nothing "}, ["predict"], "nothing"),
        ({HEADER: b"trace"}, ["predict"], "predict"),
    ],
)
def test_the_method_is_named_by_the_custom_attributes(headers: dict[bytes, bytes], methods: list[str], name: str) -> None:
    assert method_of(headers, dict.fromkeys(methods, ONE)) == name


@pytest.mark.parametrize(
    ("payload", "method", "arguments"),
    [
        ({"X": 1}, ONE, {"X": 1}),
        ({"data": 1}, ONE, {"data": 1}),
        (1, ONE, {"X": 1}),
        ([1, 2], ONE, {"X": [1, 2]}),
        (None, ONE, {"X": None}),
        ({}, ONE, {"X": {}}),
        ({"values": []}, ONE, {"X": {"values": []}}),
        (1, OPTIONAL, {"X": 1}),
        ({"X": 1, "k": 2}, OPTIONAL, {"X": 1, "k": 2}),
        (1, TWO, 1),
        ({"X": 1, "Y": 2}, TWO, {"X": 1, "Y": 2}),
        ({"X": 1}, TWO, {"X": 1}),
    ],
)
def test_a_body_is_the_arguments_or_the_only_arguments_value(payload: Any, method: Method, arguments: Any) -> None:
    assert arguments_of(payload, method) == arguments


def test_an_invocation_of_the_server_answers_both_forms(iris: Any) -> None:
    row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    proba = {"X-Amzn-SageMaker-Custom-Attributes": "method=predict_proba"}
    assert iris.post("/invocations", [row]).json == [0]
    assert iris.post("/invocations", {"X": [row]}).json == [0]
    assert iris.post("/invocations", [row], proba).json == [[1.0, 0.0, 0.0]]
    assert iris.post("/invocations", [row], {"X-Amzn-SageMaker-Custom-Attributes": "method=nothing"}).status == 404


def test_an_invocation_may_ask_for_the_interface(iris: Any) -> None:
    asked = iris.post("/invocations", {}, {"X-Amzn-SageMaker-Custom-Attributes": "mlem=interface"})
    assert asked.json == iris.get("/interface.json").json


def test_several_methods_are_called_by_one_invocation(iris: Any) -> None:
    row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    calls = {"X-Amzn-SageMaker-Custom-Attributes": "mlem=calls"}
    both = {"predict": {"X": [row]}, "predict_proba": {"X": [row]}}
    assert iris.post("/invocations", both, calls).json == {"predict": [0], "predict_proba": [[1.0, 0.0, 0.0]]}
    assert iris.post("/invocations", {"nothing": {}}, calls).status == 404
    assert iris.post("/invocations", {"predict": {"X": [1]}}, calls).status == 422
    assert iris.post("/invocations", [1], calls).status == 422


def test_an_answer_says_which_model_gave_it(iris: Any) -> None:
    row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    digest = iris.get("/interface.json").json["model"]["digest"]
    name = "x-amzn-sagemaker-custom-attributes"
    assert iris.post("/invocations", [row]).headers[name] == f"model={digest}"
    assert iris.post("/invocations", {}, {name: "mlem=interface"}).headers[name] == f"model={digest}"
    assert name not in iris.post("/predict", {"X": [row]}).headers
