"""Bodies and answers that are not JSON: npy, Arrow, CSV, and KServe's tensors."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from mlem.data import infer
from mlem.model_types.callable import CallableModel
from mlem.saving import save
from mlem.wire import ARROW, NPY, dump, load

FRAME = pandas.DataFrame({"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]})
FRAME_TYPE = infer(FRAME)
MATRIX = numpy.array([[1.0, 2.0], [3.0, 4.5]])


@pytest.fixture(scope="session")
def sums(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that sums the rows of a matrix."""

    def predict(X: Any) -> Any:
        return X.sum(axis=1)

    path = tmp_path_factory.mktemp("sums") / "sums"
    save(predict, path, sample_data=MATRIX, model_types=(CallableModel,))
    return shared_starter.start(path)


def test_a_frame_may_be_sent_and_answered_as_arrow(iris: Any) -> None:
    reply = iris.request("POST", "/predict", dump(FRAME_TYPE, FRAME, ARROW), {"content-type": ARROW})
    assert (reply.status, reply.json) == (200, [0, 2])


@pytest.mark.parametrize("media_type", [NPY, ARROW])
def test_a_matrix_may_be_sent_in_every_format_and_answered_as_npy(sums: Any, media_type: str) -> None:
    reply = sums.request("POST", "/predict", dump(infer(MATRIX), MATRIX, media_type), {"content-type": media_type, "accept": NPY})
    assert (reply.status, reply.headers["content-type"]) == (200, NPY)
    assert load(infer(MATRIX.sum(axis=1)), reply.body, NPY).tolist() == [3.0, 7.5]


def test_json_may_be_answered_as_npy_and_the_other_way_round(sums: Any) -> None:
    reply = sums.post("/predict", {"X": MATRIX.tolist()}, {"accept": f"{NPY}, application/json;q=0.5"})
    assert load(infer(MATRIX.sum(axis=1)), reply.body, NPY).tolist() == [3.0, 7.5]
    reply = sums.request("POST", "/predict", dump(infer(MATRIX), MATRIX, NPY), {"content-type": NPY, "accept": "application/json"})
    assert reply.json == [3.0, 7.5]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad-body"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2), }", "bad-body"),
        (dump(infer(MATRIX), MATRIX, NPY)[:-1], "bad-body"),
        (dump(infer(MATRIX), MATRIX, NPY) + b"x", "bad-body"),
        (dump(infer(MATRIX), MATRIX[:, :1], NPY), "bad-data"),
        (dump(infer(MATRIX), MATRIX.astype(complex), NPY), "bad-data"),
    ],
)
def test_a_damaged_or_wrong_array_is_refused(sums: Any, body: bytes, code: str) -> None:
    reply = sums.request("POST", "/predict", body, {"content-type": NPY, "content-length": str(len(body))})
    assert (reply.status, reply.json["error"]["code"]) == (422, code)


def test_an_array_of_objects_is_never_unpickled(sums: Any, tmp_path: Any) -> None:
    import io

    buffer = io.BytesIO()
    numpy.save(buffer, numpy.array([[{"a": 1}, 2]], dtype=object), allow_pickle=True)
    reply = sums.request("POST", "/predict", buffer.getvalue(), {"content-type": NPY})
    assert (reply.status, reply.json["error"]["code"]) == (422, "bad-body")


def test_a_format_that_the_method_does_not_take_is_refused_with_those_it_takes(iris: Any) -> None:
    reply = iris.request("POST", "/predict", dump(infer(MATRIX), MATRIX, NPY), {"content-type": NPY})
    assert (reply.status, reply.json["error"]["known"]) == (415, ["application/json", ARROW])


@pytest.mark.parametrize(
    "text", ["5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n", "petal_width,sepal_length,sepal_width,petal_length\n0.2,5.1,3.5,1.4\n2.5,6.3,3.3,6.0\n"]
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
        ("application/x-npy", b"not an array", 415),  # the method takes a frame
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


# KServe


def test_kserve_describes_server_and_model(iris: Any) -> None:
    assert iris.get("/v2/health/live").json == {"live": True}
    assert iris.get("/v2/health/ready").status == 200
    assert iris.get("/v2").json["name"] == "mlem-server"
    model = iris.get("/v2/models/iris").json
    assert model["inputs"][0] == {"name": "sepal_length", "datatype": "FP64", "shape": [-1]}
    assert model["outputs"] == [{"name": "predict", "datatype": "INT64", "shape": [-1]}]
    assert iris.get("/v2/models/iris/ready").status == 200
    assert iris.get("/v2/models/other").status == 404


def test_kserve_infers_with_a_tensor_for_each_column(iris: Any) -> None:
    inputs = [{"name": str(name), "datatype": "FP64", "shape": [2, 1], "data": column.tolist()} for name, column in FRAME.items()]
    reply = iris.post("/v2/models/iris/infer", {"id": "7", "inputs": inputs})
    digest = iris.get("/interface.json").json["model"]["digest"]
    assert reply.json == {
        "model_name": "iris",
        "model_version": digest,
        "id": "7",
        "outputs": [{"name": "predict", "datatype": "INT64", "shape": [2], "data": [0, 2]}],
    }


def test_kserve_takes_a_matrix_flat_or_nested_and_names_the_method(iris: Any, sums: Any) -> None:
    for data in ([1.0, 2.0, 3.0, 4.5], MATRIX.tolist()):
        reply = sums.post("/v2/models/sums/infer", {"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "FP64", "data": data}]})
        assert reply.json["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [2], "data": [3.0, 7.5]}]
    inputs = [{"name": str(name), "datatype": "FP64", "shape": [2], "data": column.tolist()} for name, column in FRAME.items()]
    reply = iris.post("/v2/models/iris/infer", {"inputs": inputs, "parameters": {"method": "predict_proba"}})
    assert (reply.json["outputs"][0]["shape"], reply.json["outputs"][0]["data"]) == ([2, 3], [1.0, 0.0, 0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ([], 422),
        ({"inputs": [1]}, 422),
        ({"inputs": [{"name": "X", "shape": [2, 2], "datatype": "FP64", "data": [1.0]}]}, 422),
        ({"inputs": [{"name": "X", "shape": "x", "datatype": "FP64", "data": [1.0]}]}, 422),
        ({"inputs": [{"name": "X", "shape": [1, 2], "datatype": "BYTES", "data": ["a", "b"]}]}, 422),
        ({"inputs": [], "parameters": {"method": "nothing"}}, 404),
        ({"inputs": [{"name": n, "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]} for n in ("X", "Y")]}, 422),
    ],
)
def test_kserve_refuses_what_does_not_fit(sums: Any, payload: Any, status: int) -> None:
    reply = sums.post("/v2/models/sums/infer", payload)
    assert reply.status == status
    assert reply.json["error"]
