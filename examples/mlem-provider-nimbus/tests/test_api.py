"""What the platform is asked, and what its answers mean."""

from __future__ import annotations

import pytest
from fake_nimbus import TOKEN, Api
from mlem import CredentialsError, PlatformError

from mlem_provider_nimbus.api import Nimbus
from mlem_provider_nimbus.env import NimbusEnv
from mlem_provider_nimbus.names import MOST_CHARACTERS, service_name


def test_a_short_outage_is_waited_for(nimbus: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        nimbus.broken = None

    monkeypatch.setattr("time.sleep", wait)
    nimbus.broken = "error"
    assert Nimbus(nimbus.url, TOKEN, 5).account() == "somebody"
    assert len(waits) == 1


def test_a_long_outage_is_an_error_that_says_how_often_it_was_tried(
    nimbus: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    nimbus.broken = "error"
    with pytest.raises(PlatformError, match=r"status 503, 4 times"):
        Nimbus(nimbus.url, TOKEN, 5).account()


def test_a_token_that_nobody_knows_is_an_error_of_credentials_at_once(nimbus: Api) -> None:
    with pytest.raises(CredentialsError, match="nobody knows this token"):
        Nimbus(nimbus.url, "canary-wrong-5ab1", 5).account()


def test_without_a_token_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIMBUS_TOKEN", raising=False)
    with pytest.raises(CredentialsError, match="NIMBUS_TOKEN"):
        Nimbus.of(NimbusEnv())


def test_what_is_not_there_is_none(nimbus: Api) -> None:
    api = Nimbus(nimbus.url, TOKEN, 5)
    assert (api.service("nobody"), api.log("nobody", 0), api.has_bundle("0" * 64)) == (None, None, False)
    api.delete_service("nobody")
    api.delete_bundle("0" * 64)


def test_no_two_deployments_have_one_name() -> None:
    names = ["app", "App", "team/app", "team-app", "größe", "grösse", "a" * 60, "a" * 61, "-", "."]
    made = [service_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(name and len(name) <= MOST_CHARACTERS for name in made)
