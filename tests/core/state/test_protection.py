from __future__ import annotations

from typing import ClassVar

import pytest

from mlem.deployments.execution.kept_protection import expect_kept, planned_protection, protection_change, protection_of
from mlem.deployments.step import Change, Difference, differences, fields_of
from mlem.state.protection import has_these_tokens, passed_tokens, protection, recorded_protection, seen_protection
from mlem.state.record import Record
from mlem_model.errors import ConflictError, UserError

TOKENS = "MLEM_SERVER_TOKENS"
FILE = {"MLEM_SERVER_TOKEN_FILE": "/run/tokens"}
NONE = {"tokens": None, "tls": None}


class ServerRecord(Record):
    step: ClassVar[str] = "server"

    environment: dict[str, str] = {}
    tokens: str | None = None
    tls: str | None = None


@pytest.fixture(autouse=True)
def _no_tokens_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKENS, raising=False)


def test_what_is_wanted_follows_from_this_shell_and_from_what_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert protection({}) == NONE
    assert protection(FILE) == {"tokens": "file", "tls": None}
    assert protection({}, [TOKENS]) == {"tokens": "yes", "tls": None}  # declared by name: it will be asked for
    assert protection({"MLEM_SERVER_TLS_CERT": "/run/cert.pem"}) == {"tokens": None, "tls": "yes"}
    monkeypatch.setenv(TOKENS, "one,two")
    assert protection({}) == {"tokens": "yes", "tls": None}
    assert passed_tokens(protection({})) == {TOKENS: "one,two"}
    assert passed_tokens(protection(FILE)) == {}


@pytest.mark.parametrize("text", ["", " \n,", "more than two words"])
def test_a_variable_without_a_usable_token_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(TOKENS, text)
    with pytest.raises(UserError) as caught:
        protection({})
    assert caught.value.code == "bad-token"


def test_a_server_that_is_to_have_tokens_is_not_started_without() -> None:
    with pytest.raises(UserError) as caught:
        passed_tokens({"tokens": "yes"})
    assert (caught.value.code, caught.value.hint) == (
        "variable-not-set",
        f"export {TOKENS}=..., then repeat the command",
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, NONE),
        ({"environment": None, "pass_environment": None}, NONE),
        ({"pass_environment": [TOKENS]}, {"tokens": "yes", "tls": None}),
        ({"environment": FILE}, {"tokens": "file", "tls": None}),
        ({"environment": {TOKENS: "was allowed"}}, {"tokens": "yes", "tls": None}),
        ({"environment": FILE, "tokens": None, "tls": "yes"}, {"tokens": None, "tls": "yes"}),
    ],
)
def test_a_record_of_before_tells_it_by_its_variables(
    record: dict[str, object], expected: dict[str, str | None]
) -> None:
    assert recorded_protection(record) == expected


def test_other_tokens_are_seen_where_they_can_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    secured, there = {"tokens": "yes", "tls": None}, {TOKENS: "one"}
    assert seen_protection(secured, there) == secured
    assert seen_protection(secured, {}) == NONE
    assert seen_protection(NONE, there) == NONE  # set by hand: not ours to take away
    monkeypatch.setenv(TOKENS, "two")
    assert seen_protection(secured, there) == {"tokens": "others", "tls": None}
    server = ServerRecord(**secured)
    assert differences(server.changed(**seen_protection(server, there)), server) == f"the value of {TOKENS}"
    assert differences(server, ServerRecord(**NONE)) == "tokens yes -> none"


def test_a_server_that_a_killed_run_left_is_adopted_only_with_the_tokens_that_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKENS, "one")
    fitting = [
        ({"tokens": "yes"}, {TOKENS: "one"}),
        ({"tokens": "yes"}, {TOKENS: "two"}),
        ({"tokens": "yes"}, {}),
        ({"tokens": "yes"}, FILE),
        ({"tokens": None}, {}),
        ({"tokens": None}, {TOKENS: "one"}),
        ({"tokens": "file"}, FILE),
        ({"tokens": "file"}, {}),
        ({}, {}),
    ]
    assert [has_these_tokens(*each) for each in fitting] == [True, False, False, False, True, False, True, False, True]


def test_a_secret_that_a_record_of_before_has_is_not_shown() -> None:
    hidden = Difference({TOKENS: "(hidden)", "A": "1"}, {"A": "1"})
    assert fields_of({"environment": {TOKENS: "canary", "A": "1"}}, {"environment": {"A": "1"}}) == {
        "environment": hidden
    }
    recorded, wanted = ServerRecord(environment={TOKENS: "canary"}), ServerRecord(environment={})
    assert differences(recorded, wanted) == f"environment.{TOKENS} (hidden) -> none"


@pytest.mark.parametrize(
    ("recorded", "observed", "wanted", "expected"),
    [
        (None, None, {"port": 1}, {}),
        (None, None, NONE, {"tokens": Difference(None, None), "tls": Difference(None, None)}),
        (
            {"tokens": "yes", "tls": None},
            None,
            NONE,
            {"tokens": Difference("yes", None), "tls": Difference(None, None)},
        ),
        (
            {"tokens": "yes", "tls": None},
            NONE,
            NONE,
            {"tokens": Difference("yes", None), "tls": Difference(None, None)},
        ),
        (
            {},
            {"tokens": "others", "tls": "yes"},
            NONE,
            {"tokens": Difference("yes", None), "tls": Difference("yes", None)},
        ),
        (
            {"tokens": "yes", "tls": "yes"},
            None,
            None,
            {"tokens": Difference("yes", None), "tls": Difference("yes", None)},
        ),
    ],
)
def test_what_becomes_of_it_counts_what_is_on_record_and_else_what_the_platform_says(
    recorded: dict[str, str | None] | None,
    observed: dict[str, str | None] | None,
    wanted: dict[str, object] | None,
    expected: dict[str, Difference],
) -> None:
    assert protection_change(recorded, observed, wanted) == expected


@pytest.mark.parametrize(
    ("key", "before", "hint"),
    [
        (
            "tokens",
            "yes",
            f"export {TOKENS}=..., then repeat the command; or let everybody call it from now on: --drop-tokens",
        ),
        (
            "tokens",
            "file",
            "declare or set MLEM_SERVER_TOKEN_FILE again, then repeat the command; "
            "or let everybody call it from now on: --drop-tokens",
        ),
        (
            "tls",
            "yes",
            "declare or set MLEM_SERVER_TLS_CERT again, then repeat the command; "
            "or serve without TLS from now on: --drop-tls",
        ),
    ],
)
def test_what_falls_away_is_refused_with_the_way_to_keep_it_and_the_way_to_mean_it(
    key: str, before: str, hint: str
) -> None:
    after = {name: Difference(None, None) for name in ("tokens", "tls")} | {key: Difference(before, None)}
    changes = [Change("image", "keep"), Change("container", "replace", protection=after)]
    with pytest.raises(ConflictError) as caught:
        expect_kept("app", changes, {"tokens", "tls"} - {key})
    assert (caught.value.code, caught.value.hint) == (f"{key}-dropped", hint)
    expect_kept("app", changes, {key})


def test_a_deployment_has_what_one_of_its_steps_has_and_nothing_is_said_of_one_whose_platform_has_its_own_way() -> None:
    said = {"tokens": Difference("yes", "file"), "tls": Difference(None, None)}
    assert planned_protection([Change("app", "keep"), Change("vars", "update", protection=said)]) == said
    assert planned_protection([Change("endpoint", "keep")]) is None
    assert protection_of({"image": {"id": "1"}, "container": {"tokens": "yes", "tls": None}}) == {
        "tokens": "yes",
        "tls": None,
    }
    assert protection_of({"endpoint": {"name": "app"}}) is None
