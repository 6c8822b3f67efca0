"""Arrays and tables go to ``/invocations`` as files have them, and answers come back so where the caller wants."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
ROWS = pd.DataFrame([[5.1, 3.5, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4]], columns=COLUMNS)


def parquet() -> bytes:
    buffer = io.BytesIO()
    ROWS.to_parquet(buffer)
    return buffer.getvalue()


def invoke(server: Any, body: bytes, content_type: str, accept: str = "application/json", method: str = "predict") -> Any:
    headers = {"content-type": content_type, "accept": accept, "x-amzn-sagemaker-custom-attributes": f"method={method}"}
    return server.request("POST", "/invocations", body, headers)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", ROWS.to_csv(index=False).encode()),
        ("text/csv; charset=utf-8", ROWS.to_csv(index=False).encode()),
        ("application/x-parquet", parquet()),
        ("application/vnd.apache.parquet", parquet()),
        ("application/jsonlines", ROWS.to_json(orient="records", lines=True).encode()),
        ("application/json", ROWS.to_json(orient="records").encode()),
    ],
)
def test_rows_in_any_format_get_the_same_answer(iris: Any, content_type: str, body: bytes) -> None:
    assert invoke(iris, body, content_type).json == [0, 1]


def test_an_answer_is_an_array_where_the_caller_accepts_one(iris: Any) -> None:
    reply = invoke(iris, parquet(), "application/x-parquet", "application/x-npy, application/json", "predict_proba")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-npy")
    assert np.load(io.BytesIO(reply.body)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_an_answer_that_the_format_can_not_hold_is_json(iris: Any) -> None:
    reply = invoke(iris, parquet(), "application/x-parquet", "application/x-parquet, application/json")
    assert (reply.headers["content-type"], reply.json) == ("application/json", [0, 1])


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-npy", b"not an array", 422),
        ("application/x-parquet", b"PAR1 not a table", 422),
        ("text/csv", b"a,b\n1,2\n", 422),
        ("text/csv", b"", 422),
        ("text/csv", b"x" * 2**21, 413),
        ("image/png", b"x", 415),
    ],
)
def test_a_body_that_does_not_fit_is_refused(iris: Any, content_type: str, body: bytes, status: int) -> None:
    assert invoke(iris, body, content_type).status == status
