"""What Engines and registries say, in our words."""

from __future__ import annotations

import pytest

from mlem_provider_docker.api.errors import translate

SAID = [
    ("('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", 7, "engine-unreachable"),
    ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", 7, "engine-unreachable"),
    ("('Connection aborted.', PermissionError(13, 'Permission denied'))", 6, "engine-permission"),
    ("failed to register layer: write /x: no space left on device", 7, "disk-full"),
    (
        "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated",
        7,
        "port-in-use",
    ),
    ("Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use", 7, "port-in-use"),
    (
        "Error starting userland proxy: listen tcp4 10.9.9.9:8080: bind: cannot assign requested address",
        2,
        "bad-address",
    ),
    ("Get https://r:5000/v2/: http: server gave HTTP response to HTTPS client", 7, "registry-insecure"),
    ("unauthorized: authentication required", 6, "registry-refused"),
    ("denied: requested access to the resource is denied", 6, "registry-refused"),
    ("no basic auth credentials", 6, "registry-refused"),
    ("manifest for python:3.99-slim not found: manifest unknown: manifest unknown", 3, "image-not-found"),
    ("pull access denied for nobody, repository does not exist or may require 'docker login'", 3, "image-not-found"),
    ("unrecognized image ID sha256:6ba6", 3, "image-not-found"),
    ("Get https://r.example/v2/: dial tcp: lookup r.example: no such host", 7, "registry-unreachable"),
    ('Conflict. The container name "/x" is already in use by container "abc"', 4, "conflict"),
    ("network nosuch not found", 3, "network-not-found"),
    ("No such container: x", 3, "container-not-found"),
    ("invalid reference format: repository name must be lowercase", 2, "bad-image-name"),
    ("Minimum memory limit allowed is 6MB", 2, "refused"),
    ("something nobody has seen", 7, "platform"),
]


@pytest.mark.parametrize(("text", "exit_code", "code"), SAID)
def test_each_has_its_code_and_exit_code(text: str, exit_code: int, code: str) -> None:
    error = translate("do it", text)
    assert (error.exit_code, error.code, str(error)) == (exit_code, code, f"can't do it: {text}")
    assert (error.hint is None) == (code == "platform")
