"""Where the Engine is: as the docker command finds it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mlem import DeclarationError, NotFoundError
from mlem_provider_docker.api.endpoint import DEFAULT_HOST, EngineEndpoint, resolve


def context(config: Path, name: str, host: str, *, tls: bool = False, skip_verify: bool = False) -> None:
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": host, "SkipTLSVerify": skip_verify}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoint}))
    if tls:
        folder = config / "contexts" / "tls" / identity / "docker"
        folder.mkdir(parents=True)


def test_without_anything_it_is_the_socket_of_this_machine(tmp_path: Path) -> None:
    assert resolve(None, None, None, {}, tmp_path) == EngineEndpoint(DEFAULT_HOST)


def test_the_variable_beats_the_context_and_the_env_beats_both(tmp_path: Path) -> None:
    config = tmp_path / ".docker"
    context(config, "box", "ssh://deploy@box")
    (config / "config.json").write_text(json.dumps({"currentContext": "box"}))
    variables = {"DOCKER_HOST": "tcp://other:2375", "DOCKER_CONTEXT": "box"}
    assert resolve(None, None, None, {}, tmp_path) == EngineEndpoint("ssh://deploy@box")
    assert resolve(None, None, None, {"DOCKER_CONTEXT": "default"}, tmp_path) == EngineEndpoint(DEFAULT_HOST)
    assert resolve(None, None, None, variables, tmp_path) == EngineEndpoint("tcp://other:2375")
    assert resolve("unix:///run/mine.sock", None, None, variables, tmp_path) == EngineEndpoint("unix:///run/mine.sock")
    assert resolve(None, "box", None, variables, tmp_path) == EngineEndpoint("ssh://deploy@box")


def test_a_context_brings_its_certificates(tmp_path: Path) -> None:
    config = tmp_path / "elsewhere"
    context(config, "prod", "tcp://prod:2376", tls=True, skip_verify=True)
    folder = config / "contexts" / "tls" / hashlib.sha256(b"prod").hexdigest() / "docker"
    assert resolve(None, "prod", None, {"DOCKER_CONFIG": str(config)}, tmp_path) == EngineEndpoint(
        "tcp://prod:2376", folder, verify=False
    )


def test_tls_is_asked_for_by_variables_or_by_the_env(tmp_path: Path) -> None:
    variables = {"DOCKER_HOST": "tcp://prod:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    assert resolve(None, None, None, variables, tmp_path) == EngineEndpoint("tcp://prod:2376", Path("/certs"))
    assert resolve(None, None, None, {"DOCKER_TLS_VERIFY": "1"}, tmp_path) == EngineEndpoint(DEFAULT_HOST)
    assert resolve("tcp://b:2376", None, Path("/mine"), {}, tmp_path) == EngineEndpoint("tcp://b:2376", Path("/mine"))


def test_an_unknown_context_names_those_that_exist(tmp_path: Path) -> None:
    context(tmp_path / ".docker", "box", "ssh://deploy@box")
    with pytest.raises(NotFoundError) as caught:
        resolve(None, "bx", None, {}, tmp_path)
    assert (caught.value.code, caught.value.known) == ("unknown-context", ("default", "box"))


@pytest.mark.parametrize("host", ["box", "ftp://box", "/var/run/docker.sock"])
def test_what_is_no_address_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(DeclarationError, match="expected the address of a Docker Engine"):
        resolve(host, None, None, {}, tmp_path)


def test_a_broken_configuration_of_docker_is_named(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{")
    with pytest.raises(DeclarationError, match=r"config\.json: not JSON"):
        resolve(None, None, None, {}, tmp_path)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("unix:///var/run/docker.sock", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://localhost:2375", None),
        ("tcp://box:2376", "box"),
        ("ssh://deploy@box:22", "box"),
    ],
)
def test_it_knows_where_published_ports_are(host: str, name: str | None) -> None:
    assert EngineEndpoint(host).remote_name == name
