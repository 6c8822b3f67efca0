"""What a declaration may say, before Heroku is asked."""

from __future__ import annotations

from typing import Any

import pytest

from mlem import DeclarationError
from mlem_provider_heroku.api.error_codes import EXPLANATIONS, explain, last_code, last_exit
from mlem_provider_heroku.deployment import HerokuApp
from mlem_provider_heroku.env import HerokuEnv


@pytest.mark.parametrize(
    "fields",
    [
        {"app_name": "Iris"},
        {"app_name": "1iris"},
        {"app_name": "iris-"},
        {"app_name": "i" * 31},
        {"dyno_size": "huge"},
        {"quantity": 0},
        {"quantity": 101},
        {"environment": {"PORT": "80"}},
        {"environment": {"HEROKU_X": "1"}},
        {"environment": {"MLEM_LINEAGE": "x"}},
        {"environment": {"a-b": "x"}},
        {"pass_environment": ["__X"]},
        {"region": "EU"},
        {"stack": "heroku-24"},
        {"team": "nlp", "env": "staging"},
    ],
)
def test_what_heroku_would_refuse_is_refused_here(fields: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        HerokuApp.from_data(fields, "app.mlem")


def test_sizes_are_taken_as_heroku_writes_them_too() -> None:
    assert HerokuApp.from_data({"dyno_size": "Standard-1X"}, "app.mlem").dyno_size == "standard-1x"


def test_a_declaration_of_mlem_04_loads_and_its_key_is_refused_without_being_shown() -> None:
    old = {
        "app_name": "my-app",
        "object_type": "deployment",
        "state_manager": {"type": "local"},
        "stack": "container",
        "type": "heroku",
    }
    assert HerokuApp.from_data(old, "app.mlem").app_name == "my-app"
    assert HerokuApp.from_data({**old, "team": "nlp"}, "app.mlem").env == {"team": "nlp"}
    with pytest.raises(DeclarationError) as caught:
        HerokuEnv.from_data({"api_key": "canary-90ff", "object_type": "env", "type": "heroku"}, "staging.mlem")
    assert caught.value.message == "staging.mlem: api_key: keys are not kept in files any more"
    assert "canary" not in f"{caught.value.hint}"


@pytest.mark.parametrize(
    "fields",
    [
        {"api_url": "http://api.heroku.com"},
        {"api_url": "https://me:secret@api.heroku.com"},
        {"app_address": "https://example.com"},
    ],
)
def test_an_env_sends_the_key_nowhere_in_the_clear(fields: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        HerokuEnv.from_data(fields, "staging.mlem")


def test_codes_in_log_lines_are_found_and_explained() -> None:
    lines = [
        "2026-11-24T08:00:00+00:00 heroku[web.1]: Process running mem=1100M(214.8%)",
        "2026-11-24T08:00:00+00:00 heroku[web.1]: Error R14 (Memory quota exceeded)",
        "2026-11-24T08:00:01+00:00 heroku[web.1]: Error R15 (Memory quota vastly exceeded)",
        "2026-11-24T08:00:02+00:00 heroku[web.1]: Process exited with status 137",
        '2026-11-24T08:00:03+00:00 heroku[router]: at=error code=H10 desc="App crashed" method=GET path="/"',
    ]
    assert (last_code(lines), last_code(lines[:2]), last_exit(lines)) == ("R15", "R14", "137")
    assert explain("R15") == f"R15 ({EXPLANATIONS['R15']})"
    assert (explain("R77"), last_code(lines[:1]), last_exit(lines[:1])) == ("R77", None, None)
