"""Pages of origins that the server is told of may call it; others may not read answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.fixture(scope="module")
def open_to_one(shared_starter: Any, iris_model: Path) -> Any:
    env = {"MLEM_SERVER_TOKENS": "a-token-of-a-caller"}
    return shared_starter.start(iris_model, "--cors-origins", "https://app.example, http://localhost:3000/", env=env)


def test_a_page_may_ask_and_call(open_to_one: Any) -> None:
    for origin in ("https://app.example", "http://localhost:3000"):
        asked = open_to_one.request("OPTIONS", "/predict", headers={"origin": origin, **ASKS})
        assert (asked.status, asked.headers["access-control-allow-origin"], asked.body) == (204, origin, b"")
        assert "authorization" in asked.headers["access-control-allow-headers"]
        answer = open_to_one.post(
            "/predict", {"X": [ROW]}, {"origin": origin, "authorization": "Bearer a-token-of-a-caller"}
        )
        assert (answer.json, answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (
            [0],
            origin,
            "origin",
        )
        for refused in (
            open_to_one.post("/predict", {"X": [ROW]}, {"origin": origin}),
            open_to_one.get("/nowhere", {"origin": origin}),
        ):
            assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, origin)


def test_other_pages_may_not(open_to_one: Any, iris: Any) -> None:
    for served in (open_to_one, iris):
        for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
            asked = served.request("OPTIONS", "/predict", headers={"origin": origin, **ASKS})
            assert "access-control-allow-origin" not in asked.headers
            answer = served.post(
                "/predict", {"X": [ROW]}, {"origin": origin, "authorization": "Bearer a-token-of-a-caller"}
            )
            assert (answer.json, "access-control-allow-origin" in answer.headers) == ([0], False)


def test_any_origin_where_it_is_said(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model, env={"MLEM_SERVER_CORS_ORIGINS": "*"})
    asked = served.request("OPTIONS", "/predict", headers={"origin": "https://whoever.example", **ASKS})
    assert asked.headers["access-control-allow-origin"] == "*"
    answer = served.post("/predict", {"X": [ROW]}, {"origin": "https://whoever.example"})
    assert (answer.headers["access-control-allow-origin"], "vary" in answer.headers) == ("*", False)
    assert "access-control-allow-credentials" not in {**answer.headers, **asked.headers}
