from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mlem_model.errors import NotFoundError, UserError
from mlem_server.http.auth import Tokens, check_token, read_tokens
from mlem_server.http.errors import HttpError


def test_tokens_come_from_the_file_first(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("one\r\n two ,three\n\n")
    assert read_tokens(file, {"MLEM_SERVER_TOKENS": "four"}) == ("one", "two", "three")


def test_tokens_come_from_the_environment_next() -> None:
    assert read_tokens(None, {"MLEM_SERVER_TOKENS": "four,five"}) == ("four", "five")


def test_without_file_and_variable_there_are_no_tokens() -> None:
    assert read_tokens(None, {}) == ()


@pytest.mark.parametrize("text", ["", " ", ",\n,"])
def test_a_variable_without_a_token_does_not_open_the_server(text: str) -> None:
    with pytest.raises(UserError, match=re.escape("$MLEM_SERVER_TOKENS has no token")):
        read_tokens(None, {"MLEM_SERVER_TOKENS": text})


@pytest.mark.parametrize("text", ["more than two words", "größe"])
def test_a_token_that_does_not_fit_into_a_header_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="a token has a space or a character outside ASCII"):
        read_tokens(None, {"MLEM_SERVER_TOKENS": text})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_tokens(tmp_path / "nothing", {})


def test_without_tokens_everybody_may_call() -> None:
    check_token(None, ())


def test_a_token_may_have_a_name_which_is_no_part_of_it() -> None:
    tokens = Tokens(read_tokens(None, {"MLEM_SERVER_TOKENS": "nightly-job one, two,\nteam@b\tthree"}))
    assert [tokens.check(f"Bearer {token}".encode()) for token in ("one", "two", "three")] == [
        "nightly-job",
        "",
        "team@b",
    ]
    for wrong in (b"Bearer nightly-job one", b"Bearer nightly-job"):
        with pytest.raises(HttpError):
            tokens.check(wrong)


@pytest.mark.parametrize("header", [b"Bearer one", b"bearer  two", b"BEARER two "])
def test_each_of_the_tokens_is_accepted(header: bytes) -> None:
    check_token(header, (("", "one"), ("", "two")))


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Bearer onetwo", b"Basic one", b"one", "Bearer öne".encode()]
)
def test_everything_else_is_refused(header: bytes | None) -> None:
    with pytest.raises(HttpError) as caught:
        check_token(header, (("", "one"), ("", "two")))
    assert (caught.value.status, caught.value.code) == (401, "unauthorized")
    assert caught.value.headers["www-authenticate"].startswith("Bearer ")


@pytest.fixture(scope="module")
def secured(shared_starter: Any, file_model: Path) -> Any:
    return shared_starter.start(file_model, env={"MLEM_SERVER_TOKENS": "first,second"})


def test_a_server_with_tokens_refuses_calls_without(secured: Any) -> None:
    replies = [
        secured.get(path)
        for path in ("/interface.json", "/openapi.json", "/docs", "/metrics", "/v2/models/iris", "/nothing")
    ]
    for reply in [
        *replies,
        secured.post("/predict", {}),
        secured.post("/invocations", {}),
        secured.post("/nothing", {}),
    ]:
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="mlem"')


def test_a_server_with_tokens_answers_calls_with_one(secured: Any) -> None:
    for token in ("first", "second"):
        assert secured.post("/predict", {"path": "/dev/null"}, {"authorization": f"Bearer {token}"}).status == 200


def test_the_page_that_asks_for_the_token_says_nothing_of_the_model(secured: Any) -> None:
    digest = secured.get("/interface.json", {"authorization": "Bearer first"}).json["model"]["digest"]
    pages = [secured.get(path) for path in ("/", "/assets/page.js", "/assets/page.css")]
    assert [page.status for page in pages] == [200, 200, 200]
    assert not any(digest in page.body.decode() for page in pages)


def test_health_needs_no_token(secured: Any) -> None:
    assert [secured.get(path).status for path in ("/healthz", "/readyz", "/ping")] == [200, 200, 200]


def test_no_token_reaches_the_log(secured: Any) -> None:
    secured.post("/predict", {"path": "raise"}, {"authorization": "Bearer second"})
    assert "second" not in secured.log
