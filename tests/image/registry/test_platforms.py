"""Images in the registry of a platform, which knows the user by what the platform gave."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mlem import ConflictError, CredentialsError, LockedError
from mlem_image import EngineAddress, Order, PushedImageOptions
from mlem_image.backends.own import OwnBackend
from mlem_image.registry.connecting import connect_as
from mlem_image.registry.reference import Reference
from mlem_image.registry.repository import Repository
from mlem_image.targets.copying import copy, expect_there

ME = {"username": "_", "password": "key-of-the-platform"}
HEADER = "Basic " + base64.b64encode(b"_:key-of-the-platform").decode()


@pytest.fixture
def strict(proxy: Any, answering: Any) -> Any:
    """A registry that lets nobody in but one user."""
    challenge = {"WWW-Authenticate": 'Basic realm="here"'}
    proxy.rules = lambda seen: (
        None if seen.headers.get("Authorization") == HEADER else answering(status=401, headers=challenge)
    )
    return proxy


@pytest.fixture
def order(doubles: Any, base: str) -> Order:
    options = PushedImageOptions(base_image=base)
    return Order(options, doubles, "0" * 32, "app", EngineAddress(), lambda _line: None, lambda: None)


def anything(_platform: str, _layers: int) -> None:
    pass


def test_an_image_is_pushed_and_copied_as_who_the_platform_says(strict: Any, through: Any, order: Order) -> None:
    name = f"{strict.host}/{through().name}"
    made = OwnBackend().push(order, f"{name}:1", ME, anything)
    there = Repository(connect_as(Reference.parse(name), ME), through().name)
    digest, kind, content = there.whole_manifest("1", name)
    assert (digest, kind) == (made["digest"], "application/vnd.docker.distribution.manifest.v2+json")
    assert made["image_id"] == json.loads(content)["config"]["digest"]
    expect_there(f"{name}@{made['digest']}", "app", ME)
    lines: list[str] = []
    copied = copy(f"{name}@{made['digest']}", f"{name}-prod:2", ME, lines.append, lambda: None)
    assert copied == digest
    assert lines[-1].startswith("pushing 0 of ")
    beside = Repository(connect_as(Reference.parse(name), ME), f"{through().name}-prod")
    assert beside.whole_manifest("2", name) == (digest, kind, content)


def test_who_may_not_have_an_image_is_told_before_anything_is_changed(strict: Any, through: Any, order: Order) -> None:
    name = f"{strict.host}/{through().name}"
    other = {**ME, "password": "another"}
    with pytest.raises(CredentialsError, match="asked as _"):
        OwnBackend().push(order, f"{name}:1", other, anything)
    for who in (ME, other):
        with pytest.raises(ConflictError, match="the image that app runs can't be had") as raised:
            expect_there(f"{name}:1", "app", who)
        assert "another" not in str(raised.value)


def test_a_lock_that_was_lost_ends_a_push_before_the_image_has_its_name(
    strict: Any, through: Any, doubles: Any, base: str
) -> None:
    calls = 0

    def guard() -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise LockedError("somebody else has the lock now")

    order = Order(
        PushedImageOptions(base_image=base), doubles, "0" * 32, "app", EngineAddress(), lambda _line: None, guard
    )
    with pytest.raises(LockedError):
        OwnBackend().push(order, f"{strict.host}/{through().name}:1", ME, anything)
    assert strict.of("PUT", "/manifests/") == []
