"""Bodies and answers that are not JSON: npy and Arrow."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from mlem_model.data.formats.binary import ARROW, NPY, dump, load
from mlem_model.data.types.any import infer
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

FRAME = pandas.DataFrame(
    {"sepal_length": [5.1, 6.3], "sepal_width": [3.5, 3.3], "petal_length": [1.4, 6.0], "petal_width": [0.2, 2.5]}
)
FRAME_TYPE = infer(FRAME)
MATRIX = numpy.array([[1.0, 2.0], [3.0, 4.5]])


def test_a_frame_may_be_sent_and_answered_as_arrow(iris: Any) -> None:
    reply = iris.request("POST", "/predict", dump(FRAME_TYPE, FRAME, ARROW), {"content-type": ARROW})
    assert (reply.status, reply.json) == (200, [0, 2])


@pytest.mark.parametrize("media_type", [NPY, ARROW])
def test_a_matrix_may_be_sent_in_every_format_and_answered_as_npy(sums: Any, media_type: str) -> None:
    reply = sums.request(
        "POST", "/predict", dump(infer(MATRIX), MATRIX, media_type), {"content-type": media_type, "accept": NPY}
    )
    assert (reply.status, reply.headers["content-type"]) == (200, NPY)
    assert load(infer(MATRIX.sum(axis=1)), reply.body, NPY).tolist() == [3.0, 7.5]


def test_json_may_be_answered_as_npy_and_the_other_way_round(sums: Any) -> None:
    reply = sums.post("/predict", {"X": MATRIX.tolist()}, {"accept": f"{NPY}, application/json;q=0.5"})
    assert load(infer(MATRIX.sum(axis=1)), reply.body, NPY).tolist() == [3.0, 7.5]
    reply = sums.request(
        "POST", "/predict", dump(infer(MATRIX), MATRIX, NPY), {"content-type": NPY, "accept": "application/json"}
    )
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


def test_a_frame_of_numbers_may_be_sent_as_npy_and_gives_the_same_answer(iris: Any) -> None:
    as_npy = iris.request("POST", "/predict", dump(FRAME_TYPE, FRAME, NPY), {"content-type": NPY})
    assert (as_npy.status, as_npy.json) == (200, iris.post("/predict", {"X": FRAME.to_dict("records")}).json)
    reply = iris.request("POST", "/predict", dump(infer(MATRIX), MATRIX, NPY), {"content-type": NPY})
    expected = {"path": "X", "expected": "rows of 4 columns", "got": "an array of the shape (2, 2)"}
    assert (reply.status, {key: reply.json["error"][key] for key in expected}) == (422, expected)


TEXTS = ["Beautiful is better than ugly.", "", "größer \U0001f40d"]


def test_a_batch_of_texts_may_be_sent_as_json_and_as_arrow(shared_starter: Any, tmp_path: Any) -> None:
    def predict(texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]

    model = save(predict, tmp_path / "texts", sample_data=TEXTS, model_types=(CallableModel,))
    assert model.methods["predict"].rowwise
    served = shared_starter.start(tmp_path / "texts")
    expected = [text.upper() for text in TEXTS]
    assert served.post("/predict", {"texts": TEXTS}).json == expected
    refused = served.request("POST", "/predict", dump(infer(MATRIX), MATRIX, NPY), {"content-type": NPY})
    assert (refused.status, refused.json["error"]["known"]) == (415, ["application/json", ARROW])
    body = dump(infer(TEXTS), TEXTS, ARROW)
    reply = served.request("POST", "/predict", body, {"content-type": ARROW, "accept": ARROW})
    assert (reply.status, load(infer(TEXTS), reply.body, ARROW)) == (200, expected)
    hostile = served.request("POST", "/predict", dump(infer(MATRIX), MATRIX, ARROW), {"content-type": ARROW})
    assert (hostile.status, hostile.json["error"]["code"]) == (422, "bad-data")


def lists(**columns: Any) -> bytes:
    """Return a stream of Arrow with such columns."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_sparse_matrices_and_frames_of_polars_travel_as_arrow_and_odd_ones_are_refused(
    shared_starter: Any, tmp_path: Any
) -> None:
    sparse, pl = pytest.importorskip("scipy.sparse"), pytest.importorskip("polars")

    def twice(x: Any) -> Any:
        return x * 2

    def names(x: Any) -> list[str]:
        return [str(name) for name in x.columns]

    matrix = sparse.csr_matrix(numpy.array([[0.0, 1.5, 0.0], [2.0, 0.0, 0.5]]))
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    for name, function, sample in (("sparse", twice, matrix), ("polars", names, frame)):
        save(function, tmp_path / name, sample_data=sample, model_types=(CallableModel,))
    as_arrow = {"content-type": ARROW, "accept": ARROW}
    served = shared_starter.start(tmp_path / "sparse")
    reply = served.request("POST", "/predict", dump(infer(matrix), matrix, ARROW), as_arrow)
    assert reply.status == 200, reply.body
    assert load(infer(matrix), reply.body, ARROW).toarray().tolist() == (matrix * 2).toarray().tolist()
    for body in (
        lists(columns=[[0]], values=[[1.0, 2.0]]),
        lists(columns=[[3]], values=[[1.0]]),
        lists(columns=[[-1]], values=[[1.0]]),
        lists(columns=[None], values=[None]),
        lists(columns=[0], values=[1.0]),
        lists(columns=[["0"]], values=[[1.0]]),
        lists(columns=[[0]], values=[["text"]]),
        lists(columns=[[0.5]], values=[[1.0]]),
        lists(values=[[1.0]], columns=[[0]]),
        lists(values=[[1.0]]),
    ):
        reply = served.request("POST", "/predict", body, as_arrow)
        assert (reply.status, reply.json["error"]["code"] in ("bad-data", "bad-body")) == (422, True), reply.body
    served = shared_starter.start(tmp_path / "polars")
    reply = served.request("POST", "/predict", dump(infer(frame), frame, ARROW), {"content-type": ARROW})
    assert (reply.status, reply.json) == (200, ["a", "b"])
    reply = served.request("POST", "/predict", lists(a=["text"], b=["x"]), {"content-type": ARROW})
    assert (reply.status, reply.json["error"]["code"]) == (422, "bad-data")
    reply = served.request("POST", "/predict", lists(a=[[1]], b=["x"]), {"content-type": ARROW})
    assert (reply.status, reply.json["error"]["code"]) == (422, "bad-body")


def test_the_second_stream_of_a_caller_is_answered_and_refused_like_the_first(sums: Any) -> None:
    body = dump(infer(MATRIX), MATRIX, ARROW)
    headers = {"content-type": ARROW}
    large = numpy.ones((20_000, 2))
    for _ in range(3):
        assert sums.request("POST", "/predict", body, headers).json == [3.0, 7.5]
        cut = sums.request("POST", "/predict", body[:-60], headers)
        assert (cut.status, cut.json["error"]["code"]) == (422, "bad-body")
        assert sums.request("POST", "/predict", dump(infer(large), large, ARROW), headers).json == [2.0] * 20_000
