"""What callers hear of a model's exceptions."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.clients.http import HttpClient
from mlem_model.errors import UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.saving import save
from mlem_server.inference.errors import ModelFailedError
from mlem_server.inference.model_errors import MOST_CHARACTERS, ModelRefusedError, failure, shown

MODEL_TYPES = (SklearnModel, CallableModel)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Found unknown categories ['x'] in column 0 during transform",
            "Found unknown categories ['x'] in column 0 during transform",
        ),
        (
            "n/a is no rate in km/h, and/or 1/2 of 3.5/4.5; 50 % at 10:30",
            "n/a is no rate in km/h, and/or 1/2 of 3.5/4.5; 50 % at 10:30",
        ),
        ("can't read /srv/models/vocab.txt", "can't read [path]"),
        ("can't read '/srv/my models/vocab.txt': gone", "can't read [path]: gone"),
        ("can't read ~/.aws/credentials, ~me/x", "can't read [path], [path]"),
        ("can't read C:\\Users\\me\\x.csv", "can't read [path]"),
        ("can't read 'C:\\\\Program Files\\\\x'", "can't read [path]"),
        ("can't read \\\\host\\share\\x", "can't read [path]"),
        ("see models/a/vocab.txt or ../x/y.json, ./z/q.py", "see [path] or [path], [path]"),
        ("s3://bucket/key file:///etc/passwd postgres://me:pw@host/db", "[path] [path] [path]"),
        ('bad\nTraceback (most recent call last):\n  File "x.py", line 3, in f\n    boom()', "bad"),
        ('in File "model.py", line 12, in predict', "in [path]"),
        ("<Thing object at 0x7f3a2b1c9d30> is odd", "<Thing object> is odd"),
        ("a\x1b[31mred\x1b[0m b\x1b]0;title\x07c \x9b1md\x00\u202e\u2028e\tf", "ared bc d e f"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1bPq#\x1b\\end \x1b(B", "link end"),
        ("/ho\x1b[0mme/me/x.py", "[path]"),
        ("x" * 501, "x" * 497 + "..."),
        ("x" * 500, "x" * 500),
        ("", ""),
    ],
)
def test_a_models_words_are_shown_without_what_is_not_for_callers(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(max_size=2000) | st.text(alphabet="\x1b[]0;m\x9b\x07/\\'\" a:.C~\n", max_size=300))
def test_any_text_is_bounded_and_has_no_control_characters(text: str) -> None:
    found = shown(text)
    assert len(found) <= MOST_CHARACTERS
    assert not [character for character in found if unicodedata.category(character)[0] == "C"]


@given(
    st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=8), min_size=2, max_size=5),
    st.sampled_from(["", "'", '"', "(", "="]),
)
def test_no_path_from_the_root_is_shown(parts: list[str], before: str) -> None:
    after = before if before in ("'", '"') else ""
    assert "/" not in shown(f"can't open {before}/{'/'.join(parts)}{after}")


class Odd(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class NotFitted(ValueError, AttributeError):
    """As scikit-learn has it."""


def kind(error: Exception, values: Any = None) -> type[ModelFailedError]:
    return type(failure("predict", error, {"x": values}))


def test_an_exception_about_the_data_is_told_from_one_about_the_model() -> None:
    for error in (ValueError("x"), TypeError("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), Odd()):
        assert kind(error) is ModelRefusedError
    for error in (
        NotFitted("x"),
        RuntimeError("x"),
        AttributeError("x"),
        IndexError("x"),
        FileNotFoundError("x"),
        ZeroDivisionError("x"),
    ):
        assert kind(error) is ModelFailedError


@pytest.mark.parametrize(
    "values",
    [
        "oslo",
        ["bergen", "oslo"],
        [{"city": "oslo"}],
        {"oslo": 1},
        numpy.array([["oslo"]], dtype=object),
        numpy.array(["oslo"]),
        pandas.Series(["oslo"], dtype="category"),
        pandas.DataFrame({"n": [1], "city": ["oslo"]}),
    ],
)
def test_a_key_that_the_data_has_is_about_the_data(values: Any) -> None:
    assert kind(KeyError("oslo"), values) is ModelRefusedError
    assert kind(KeyError("paris"), values) is ModelFailedError


def test_keys_that_are_no_part_of_the_data_are_about_the_model() -> None:
    assert kind(KeyError(numpy.int64(7)), [[7]]) is ModelRefusedError
    assert kind(KeyError(("oslo", 7)), {"city": "oslo", "n": 7}) is ModelRefusedError
    for key in (("oslo", 8), True, None, frozenset({"oslo"}), ()):
        assert kind(KeyError(key), {"city": "oslo", "n": 7}) is ModelFailedError
    assert kind(KeyError("a", "b"), ["a"]) is ModelFailedError


@pytest.fixture(scope="module")
def encoder_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that refuses categories that it has not seen."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pandas.DataFrame({"city": ["oslo", "bergen", "oslo"]})
    path = tmp_path_factory.mktemp("encoder") / "rents"
    save(
        make_pipeline(OneHotEncoder(), LinearRegression()).fit(frame, [3, 1, 2]),
        path,
        sample_data=frame,
        model_types=MODEL_TYPES,
    )
    return path


def test_an_unknown_category_is_the_callers_to_mend_and_is_counted(starter: Any, encoder_model: Path) -> None:
    served = starter.start(encoder_model)
    expected = "predict: the model refused the data: Found unknown categories ['paris'] in column 0 during transform"
    reply = served.post("/predict", {"X": [{"city": "oslo"}, {"city": "paris"}]}, {"x-request-id": "paris-1"})
    assert (reply.status, reply.json) == (
        422,
        {"error": {"code": "model-refused", "message": expected, "request_id": "paris-1"}},
    )
    reply = served.post("/invocations", [{"city": "paris"}])
    assert (reply.status, reply.json["error"]["message"]) == (422, expected)
    reply = served.post(
        "/v2/models/rents/infer", {"inputs": [{"name": "city", "shape": [1], "datatype": "BYTES", "data": ["paris"]}]}
    )
    assert (reply.status, reply.json) == (422, {"error": expected})
    with HttpClient(url=served.url) as client, pytest.raises(UserError) as caught:
        client.predict(pandas.DataFrame({"city": ["paris"]}))
    assert (caught.value.code, caught.value.message) == ("model-refused", expected)
    assert b'mlem_rejected_total{reason="model-refused"} 4.0\n' in served.get("/metrics").body
    assert "request paris-1: predict refused the data" in served.log
    assert "ValueError: Found unknown categories" in served.log


@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_models_words_may_be_hidden(starter: Any, encoder_model: Path, way: str) -> None:
    option, variable = (
        (["--hide-model-errors"], {}) if way == "option" else ([], {"MLEM_SERVER_HIDE_MODEL_ERRORS": "1"})
    )
    served = starter.start(encoder_model, *option, env=variable)
    reply = served.post("/predict", {"X": [{"city": "paris"}]}, {"x-request-id": "paris-2"})
    why = "predict: the model refused the data: the server's log has the reason under the request's id paris-2"
    assert (reply.status, reply.json) == (
        422,
        {"error": {"code": "model-refused", "message": why, "request_id": "paris-2"}},
    )
    assert "Found unknown categories ['paris']" in served.log


def test_a_key_that_the_model_has_no_entry_for_is_named(starter: Any, tmp_path: Path) -> None:
    prices = {"oslo": 3}

    def predict(city: str) -> int:
        return prices[city]

    save(predict, tmp_path / "prices", sample_data="oslo", model_types=MODEL_TYPES)
    reply = starter.start(tmp_path / "prices").post("/predict", {"city": "paris"})
    assert (reply.status, reply.json["error"]["message"]) == (
        422,
        "predict: the model refused the data: it does not know 'paris'",
    )
