"""Credentials are those that the docker command has."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlem import UserError
from mlem_image.registry.credentials import stored
from mlem_image.registry.reference import Reference


def write(folder: Path, config: Any) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(config))
    return {"DOCKER_CONFIG": str(folder)}


def pair(host: str, environment: dict[str, str]) -> tuple[str, str] | None:
    found = stored(host, environment)
    return None if found is None else (found.username, found.password.get_secret_value())


def test_a_login_in_the_file(tmp_path: Path) -> None:
    auth = base64.b64encode(b"me:pass:word").decode()
    where = write(tmp_path, {"auths": {"r.example.com": {"auth": auth}, "https://index.docker.io/v1/": {"auth": auth}}})
    assert pair("r.example.com", where) == ("me", "pass:word")
    assert pair(Reference.parse("python:3.11").host, where) == ("me", "pass:word")
    assert pair("other.example.com", where) is None
    assert "pass:" not in repr(stored("r.example.com", where))


def test_helpers_are_asked_by_the_registrys_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-some"
    helper.write_text('#!/bin/sh\nread name\necho "{\\"Username\\": \\"$1 $name\\", \\"Secret\\": \\"s\\"}"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert pair("r:5000", write(tmp_path, {"credHelpers": {"r:5000": "some"}})) == ("get r:5000", "s")
    assert pair("r:5000", write(tmp_path, {"credsStore": "some"})) == ("get r:5000", "s")
    helper.write_text('#!/bin/sh\necho "credentials not found"; exit 1\n')
    assert pair("r:5000", write(tmp_path, {"credsStore": "some"})) is None
    helper.write_text('#!/bin/sh\necho "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"t\\"}"\n')
    found = stored("r:5000", write(tmp_path, {"credsStore": "some"}))
    assert found is not None
    assert found.identity_token is not None
    assert found.identity_token.get_secret_value() == "t"


@pytest.mark.parametrize(
    "config",
    [
        [],
        1,
        {"auths": []},
        {"auths": {"r": 1}},
        {"auths": {"r": {"auth": "%%"}}},
        {"credsStore": "../../bin/sh"},
        {"credsStore": 3},
    ],
)
def test_what_can_not_be_read_counts_as_nothing(config: Any, tmp_path: Path) -> None:
    assert stored("r", write(tmp_path, config)) is None
    (tmp_path / "config.json").write_text("{")
    assert stored("r", {"DOCKER_CONFIG": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("python", ("registry-1.docker.io", "library/python", "latest", "")),
        ("me/iris:2", ("registry-1.docker.io", "me/iris", "2", "")),
        ("localhost/iris", ("localhost", "iris", "latest", "")),
        ("127.0.0.1:5000/a/b:c", ("127.0.0.1:5000", "a/b", "c", "")),
        ("r.example.com/a@sha256:ab", ("r.example.com", "a", "", "sha256:ab")),
        ("r.example.com:443/a:1@sha256:ab", ("r.example.com:443", "a", "1", "sha256:ab")),
    ],
)
def test_names_are_read_as_docker_reads_them(name: str, parts: tuple[str, ...]) -> None:
    found = Reference.parse(name)
    assert (found.host, found.repository, found.tag, found.digest) == parts


def test_what_is_no_name_is_refused() -> None:
    for name in ("", "a\nb", "r.example.com/"):
        with pytest.raises(UserError):
            Reference.parse(name)
