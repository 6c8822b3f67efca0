from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from mlem_model.data.formats.binary import ARROW, dump
from mlem_model.data.types.any import infer
from mlem_model.models.calls.inputs import arguments_of
from mlem_model.models.model import Argument, Method
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.sagemaker import SageMaker, method_of

FRAME = pandas.DataFrame(
    {"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]}
)
FRAME_TYPE = infer(FRAME)
MATRIX = numpy.array([[1.0, 2.0], [3.0, 4.5]])
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
        ({}, ["transform", "score"], "transform"),
        ({HEADER: b"method=predict_proba"}, ["predict", "predict_proba"], "predict_proba"),
        ({HEADER: b"trace_id=7; method = nothing "}, ["predict"], "nothing"),
        ({HEADER: b"trace"}, ["predict"], "predict"),
    ],
)
def test_the_method_is_named_by_the_custom_attributes(
    headers: dict[bytes, bytes], methods: list[str], name: str
) -> None:
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


@pytest.mark.parametrize(
    "text",
    [
        "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n",
        "petal_width,sepal_length,sepal_width,petal_length\n0.2,5.1,3.5,1.4\n2.5,6.3,3.3,6.0\n",
    ],
)
def test_sagemakers_invocations_take_csv_with_and_without_names(iris: Any, text: str) -> None:
    reply = iris.request("POST", "/invocations", text.encode(), {"content-type": "text/csv"})
    assert (reply.status, reply.json) == (200, [0, 2])


def test_csv_of_a_matrix_is_numbers_alone(sums: Any) -> None:
    assert sums.request("POST", "/invocations", b"1,2\n3,4.5", {"content-type": "text/csv"}).json == [3.0, 7.5]


@pytest.mark.parametrize("text", ["", "1,2\n3", "a,b,c,d\n1,2,3,x", "1,2,3"])
def test_csv_that_does_not_fit_is_refused(iris: Any, text: str) -> None:
    headers = {"content-type": "text/csv", "content-length": str(len(text))}
    assert iris.request("POST", "/invocations", text.encode(), headers).status in (400, 422)


def test_invocations_take_arrow_too(iris: Any) -> None:
    reply = iris.request("POST", "/invocations", dump(FRAME_TYPE, FRAME, ARROW), {"content-type": ARROW})
    assert reply.json == [0, 2]


def test_invocations_take_and_answer_files(iris: Any) -> None:
    import io

    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    for media_type, body in (
        ("application/x-parquet", buffer.getvalue()),
        ("application/vnd.apache.parquet", buffer.getvalue()),
        ("text/csv; charset=utf-8", FRAME.to_csv(index=False).encode()),
        ("application/jsonlines", FRAME.to_json(orient="records", lines=True).encode()),
    ):
        reply = iris.request("POST", "/invocations", body, {"content-type": media_type, "accept": "text/csv"})
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/csv", b"value\n0\n2\n")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-npy", b"not an array", 422),
        ("application/x-parquet", b"PAR1 not a table", 422),
        ("text/csv", b"a,b\n1,2\n", 422),
        ("text/csv", b"x" * 2**21, 413),
        ("image/png", b"x", 415),
    ],
)
def test_files_that_do_not_fit_are_refused(iris: Any, content_type: str, body: bytes, status: int) -> None:
    assert iris.request("POST", "/invocations", body, {"content-type": content_type}).status == status


def test_invocations_say_which_model_answers_and_tell_its_interface(iris: Any) -> None:
    attributes = "X-Amzn-SageMaker-Custom-Attributes"
    document = iris.get("/interface.json").json
    reply = iris.post("/invocations", {}, {attributes: "mlem=interface"})
    assert (reply.json, reply.headers[attributes.lower()]) == (document, f"model={document['model']['digest']}")
    rows = {"X": FRAME.to_dict("records")}
    reply = iris.post("/invocations", {"predict": rows, "predict_proba": rows}, {attributes: "mlem=calls"})
    assert reply.json == {"predict": [0, 2], "predict_proba": [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]}
    assert reply.headers[attributes.lower()] == f"model={document['model']['digest']}"
    for payload, status in (({"predict": {"X": 1}}, 422), ({"nothing": {}}, 404), ([], 422)):
        assert iris.post("/invocations", payload, {attributes: "mlem=calls"}).status == status


def test_the_table_has_the_routes_of_the_protocol(service: CallService, health: Health) -> None:
    table = SageMaker(service, dict, health, "d1", ["application/x-npy"]).routes()
    assert [(route.method, route.path, route.name, route.public, route.calls) for route in table] == [
        ("GET", "/ping", "", True, False),
        ("POST", "/invocations", "invocations", False, True),
    ]
