from __future__ import annotations

import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def error_of(reply: Any) -> Any:
    return reply.json["error"]


def test_a_call_answers_with_the_encoded_return_value(iris: Any) -> None:
    reply = iris.post("/predict", {"X": [ROW, VIRGINICA]})
    assert (reply.status, reply.json, reply.headers["content-type"]) == (200, [0, 2], "application/json")


def test_the_only_argument_may_be_called_data_as_in_mlem_04(iris: Any) -> None:
    assert iris.post("/predict", {"data": {"values": [ROW]}}).json == [0]


def test_the_interface_lists_methods_with_types_and_schemas(iris: Any) -> None:
    document = iris.get("/interface.json").json
    assert sorted(document["methods"]) == ["apply", "decision_path", "predict", "predict_log_proba", "predict_proba"]
    assert [argument["name"] for argument in document["methods"]["predict"]["args"]] == ["X"]
    assert document["samples"]["predict"]["returns"] == [0]


def test_health_and_readiness_answer_while_the_model_is_there(iris: Any) -> None:
    digest = iris.get("/interface.json").json["model"]["digest"]
    assert iris.get("/healthz").json == {"status": "alive"}
    assert iris.get("/readyz").json == {"status": "ready", "model": digest}
    assert iris.get("/ping").status == 200


def test_head_answers_as_get_without_a_body(iris: Any) -> None:
    reply = iris.request("HEAD", "/healthz")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_may_load_nothing_from_elsewhere(iris: Any, path: str) -> None:
    page = iris.get(path)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_value_of_a_wrong_type_is_refused_with_its_path(iris: Any) -> None:
    reply = iris.post("/predict", {"X": [ROW, {**ROW, "petal_width": "wide"}]})
    error = error_of(reply)
    assert (reply.status, error["code"], error["path"], error["got"]) == (
        422,
        "bad-data",
        "X[1].petal_width",
        "a string",
    )
    assert "number" in error["expected"]


def test_a_missing_argument_is_refused_with_the_right_shape(iris: Any) -> None:
    reply = iris.post("/predict", {"Y": [ROW]})
    assert (reply.status, error_of(reply)["code"]) == (422, "bad-data")
    assert '{"X": ...}' in error_of(reply)["hint"] or "X" in error_of(reply)["hint"]


@pytest.mark.parametrize("payload", [[], [ROW], 1, None, "text"])
def test_a_body_that_is_no_object_is_refused(iris: Any, payload: Any) -> None:
    reply = iris.post("/predict", payload)
    assert (reply.status, error_of(reply)["path"]) == (422, "body")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"X": 1e}', b'{"X": ' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_not_json_is_refused_with_400(iris: Any, body: bytes) -> None:
    reply = iris.request(
        "POST", "/predict", body, {"content-type": "application/json", "content-length": str(len(body))}
    )
    assert (reply.status, error_of(reply)["code"]) == (400, "bad-json")


def test_deep_json_that_can_be_parsed_is_refused_without_a_failure(iris: Any) -> None:
    for depth in (50, 100, 500, 900):
        body = b'{"X": ' + b"[" * depth + b"]" * depth + b"}"
        assert iris.request("POST", "/predict", body, {"content-type": "application/json"}).status in (400, 422)


def test_an_unknown_method_is_refused_with_the_known_ones(iris: Any) -> None:
    reply = iris.post("/predic", {"X": [ROW]})
    assert reply.status == 404
    assert error_of(reply) == {
        "code": "unknown-method",
        "message": 'the model has no method "predic"',
        "hint": 'did you mean "predict"?',
        "known": ["apply", "decision_path", "predict", "predict_log_proba", "predict_proba"],
    }


def test_an_unknown_path_is_refused_with_the_known_ones(iris: Any) -> None:
    reply = iris.get("/swagger")
    assert (reply.status, error_of(reply)["code"]) == (404, "not-found")
    assert "/docs" in error_of(reply)["known"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/predict", "POST"), ("PUT", "/predict", "POST"), ("POST", "/docs", "GET, HEAD")],
)
def test_a_wrong_http_method_is_refused_with_the_allowed_ones(iris: Any, method: str, path: str, allow: str) -> None:
    reply = iris.request(method, path)
    assert (reply.status, reply.headers["allow"], error_of(reply)["code"]) == (405, allow, "method-not-allowed")


def test_a_request_without_a_body_needs_a_length(iris: Any) -> None:
    answer = iris.raw(b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_a_body_over_the_limit_is_refused_before_it_is_read(iris: Any) -> None:
    reply = iris.raw(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{")
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


def test_a_body_a_little_over_the_limit_gets_its_answer(iris: Any) -> None:
    reply = iris.request("POST", "/predict", b" " * (2**20 + 1), {"content-type": "application/json"})
    assert (reply.status, error_of(reply)) == (
        413,
        {
            "code": "body-too-large",
            "message": "the body is larger than 1 MiB",
            "max_bytes": 2**20,
            "hint": "send fewer rows at once",
        },
    )


def test_a_chunked_body_is_read(iris: Any) -> None:
    body = json.dumps({"X": [ROW]}).encode()
    answer = iris.raw(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        + b"0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"[0]")


def test_a_chunked_body_over_the_limit_is_refused(iris: Any) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = iris.raw(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20 + b"0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/csv"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "br"},
    ],
)
def test_another_content_type_is_refused(iris: Any, headers: dict[str, str]) -> None:
    reply = iris.post("/predict", {"X": [ROW]}, headers)
    refused = "bad-content-encoding" if "content-encoding" in headers else "bad-content-type"
    assert (reply.status, error_of(reply)["code"]) == (415, refused)


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.api+json"]
)
def test_the_spellings_of_json_are_accepted(iris: Any, content_type: str) -> None:
    assert iris.post("/predict", {"X": [ROW]}, {"content-type": content_type}).status == 200


def test_a_connection_lives_on_after_an_error(iris: Any) -> None:
    body = json.dumps({"X": [ROW]}).encode()
    head = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s"
    answer = iris.raw(
        head % (b"nope", len(body), b"", body) + head % (b"predict", len(body), b"Connection: close\r\n", body)
    )
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.endswith(b"[0]")


def test_the_id_of_a_request_is_echoed(iris: Any) -> None:
    assert iris.get("/healthz", {"x-request-id": "trace-7"}).headers["x-request-id"] == "trace-7"


def test_an_id_that_is_unsafe_in_a_log_is_replaced(iris: Any) -> None:
    ids = {
        iris.get("/healthz", {"x-request-id": given}).headers["x-request-id"] for given in ("a b", "x" * 200, "<[31m>")
    }
    assert len(ids) == 3
    assert all(len(given) == 32 for given in ids)


def test_the_access_log_has_one_line_for_a_request(iris: Any) -> None:
    iris.get("/a%0Ab", {"x-request-id": "line-test"})
    iris.get("/healthz", {"x-request-id": "line-test-end"})
    lines = [line for line in iris.log_with("id=line-test-end").splitlines() if line.endswith("id=line-test")]
    assert len(lines) == 1
    assert r"GET /a\nb 404" in lines[0]


def test_a_model_that_raises_is_answered_with_500_and_no_detail(file: Any) -> None:
    reply = file.post("/predict", {"path": "raise"}, {"x-request-id": "failing-call"})
    assert (reply.status, error_of(reply)) == (
        500,
        {
            "code": "model-failed",
            "message": "the model failed on this data; "
            "the server's log has the reason under the request's id failing-call",
            "request_id": "failing-call",
        },
    )
    assert "KeyError: 'a secret of the model'" in file.log


@pytest.mark.parametrize("path", ["exit", "stop iteration"])
def test_a_model_that_tries_to_exit_does_not_end_the_server(file: Any, path: str) -> None:
    assert file.post("/predict", {"path": path}).status == 500
    assert file.post("/predict", {"path": "/dev/null"}).json == "/dev/null"


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", 1e300])
def test_numbers_that_the_model_can_not_take_are_the_callers_fault(iris: Any, value: Any) -> None:
    reply = iris.post("/predict", {"X": [{**ROW, "petal_width": value}]})
    assert (reply.status, error_of(reply)["path"], error_of(reply)["got"]) == (422, "X", "infinite or huge numbers")


def test_no_rows_are_the_callers_fault(iris: Any) -> None:
    reply = iris.post("/predict", {"X": []})
    assert reply.status == 422
    hint = error_of(reply).pop("hint")
    assert hint.startswith("the model says: Found array with 0 sample(s)")
    assert error_of(reply) | {"hint": ""} == {
        "hint": "",
        "code": "bad-data",
        "message": "X: the model refused the data: expected at least one row, got none",
        "path": "X",
        "expected": "at least one row",
        "got": "none",
    }


def test_the_literal_nan_is_a_number(iris: Any) -> None:
    body = json.dumps({"X": [{**ROW, "petal_width": math.nan}]}).encode()
    assert iris.request("POST", "/predict", body).status == 200


def test_a_lone_surrogate_is_answered(file: Any) -> None:
    reply = file.request("POST", "/predict", b'{"\\ud800": 1}')
    assert reply.status == 422


def test_health_answers_while_the_model_works(file: Any, tmp_path: Any) -> None:
    target = tmp_path / "answer"
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(file.post, "/predict", {"path": str(target)})
        wait_for(tmp_path / "answer.started")
        assert file.get("/healthz").status == 200
        assert file.get("/readyz").status == 200
        target.touch()
        assert call.result().json == str(target)


def wait_for(path: Any) -> None:
    done = threading.Event()
    for _ in range(6000):
        if path.exists():
            return
        done.wait(0.01)
    raise AssertionError(f"{path} did not appear")


def test_answers_of_parallel_callers_do_not_mix(iris: Any) -> None:
    def ask(number: int) -> bool:
        rows = [ROW, VIRGINICA] if number % 2 else [VIRGINICA, ROW, ROW]
        return bool(iris.post("/predict", {"X": rows}).json == ([0, 2] if number % 2 else [2, 0, 0]))

    with ThreadPoolExecutor(10) as pool:
        assert all(pool.map(ask, range(200)))


@FUZZ
@given(st.binary(max_size=300))
def test_random_bytes_as_a_body_are_refused_without_a_failure(iris: Any, body: bytes) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    assert iris.request("POST", "/predict", body, headers).status in (400, 422)


@FUZZ
@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_instead_of_http_are_refused_without_a_failure(iris: Any, data: bytes) -> None:
    assert not iris.raw(data + b"\r\n\r\n", finish=True).startswith(b"HTTP/1.1 5")


KEYS = st.sampled_from([*ROW, "X", "data", "values"]) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@FUZZ
@given(JSON)
def test_random_json_is_answered_or_refused_without_a_failure(iris: Any, payload: Any) -> None:
    calls = [
        ("/predict", payload),
        ("/predict", {"X": payload}),
        ("/predict_proba", {"X": [payload]}),
        ("/invocations", payload),
    ]
    for path, value in calls:
        reply = iris.post(path, value)
        assert reply.status in (200, 422), (path, value, reply.body)


@FUZZ
@given(st.dictionaries(st.sampled_from([*ROW]), JSON, max_size=2))
def test_mutated_rows_are_answered_or_refused_without_a_failure(iris: Any, changes: dict[str, Any]) -> None:
    reply = iris.post("/predict", {"X": [ROW, {**ROW, **changes}]})
    assert reply.status in (200, 422), (changes, reply.body)
