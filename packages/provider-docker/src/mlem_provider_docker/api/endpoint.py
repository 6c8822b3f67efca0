"""Where the Engine is: what the docker CLI would use, found without changing anything.

Source: https://docs.docker.com/engine/manage-resources/contexts/ and https://docs.docker.com/reference/cli/docker/#environment-variables
(read 2026-11): ``DOCKER_HOST`` beats ``DOCKER_CONTEXT``, which beats ``currentContext`` of the configuration file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlem import DeclarationError, NotFoundError
from mlem.provider import unusable
from mlem_provider_docker.api import configuration as docker_config

DEFAULT_HOST = "npipe:////./pipe/docker_engine" if sys.platform == "win32" else "unix:///var/run/docker.sock"
_SCHEMES = ("unix", "npipe", "tcp", "http", "https", "ssh", "fd")


@dataclass(frozen=True)
class EngineEndpoint:
    """An Engine's address.

    Attributes:
        host: ``unix:///path``, ``tcp://name:2376``, ``ssh://user@name``.
        certificates: Folder with ``ca.pem``, ``cert.pem``, ``key.pem`` for TLS; None without TLS.
        verify: Whether the Engine's certificate is verified.
    """

    host: str
    certificates: Path | None = None
    verify: bool = True

    @property
    def remote_name(self) -> str | None:
        """The host that published ports are reached at; None when it is this machine."""
        parts = urlsplit(self.host)
        if parts.scheme in ("unix", "npipe", "fd") or parts.hostname in (None, "localhost", "127.0.0.1", "::1"):
            return None
        return parts.hostname


def resolve(
    host: str | None,
    context: str | None,
    certificates: Path | None,
    environment: Mapping[str, str],
    home: Path,
) -> EngineEndpoint:
    """Find the Engine.

    Args:
        host: The env's host, if it has one.
        context: The env's docker context, if it has one.
        certificates: The env's folder of TLS files, if it has one.
        environment: Environment variables.
        home: The user's folder.

    Raises:
        NotFoundError: The context does not exist.
        DeclarationError: An address or a file of the docker CLI can't be used.
    """
    config = docker_config.folder(environment, home)
    if host is None and context is None:
        host = environment.get("DOCKER_HOST") or None
    if host is None:
        context = context or environment.get("DOCKER_CONTEXT") or _current_context(config)
        if context and context != "default":
            return _of_context(context, config, certificates)
        host = DEFAULT_HOST
    return EngineEndpoint(_checked(host, "host"), *_tls(host, certificates, environment, config))


def _tls(
    host: str, certificates: Path | None, environment: Mapping[str, str], config: Path
) -> tuple[Path | None, bool]:
    if certificates is not None:
        return certificates, True
    wanted = bool(environment.get("DOCKER_TLS_VERIFY")) or bool(environment.get("DOCKER_TLS"))
    if not wanted or urlsplit(host).scheme not in ("tcp", "http", "https"):
        return None, True
    return Path(environment.get("DOCKER_CERT_PATH") or config), bool(environment.get("DOCKER_TLS_VERIFY"))


def _current_context(config: Path) -> str | None:
    path = config / "config.json"
    if not path.exists():
        return None
    name = _read(path).get("currentContext")
    return name if isinstance(name, str) else None


def _of_context(name: str, config: Path, certificates: Path | None) -> EngineEndpoint:
    """Read a context from the docker CLI's store: its folder is named by the SHA-256 of its name."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    path = config / "contexts" / "meta" / identity / "meta.json"
    if not path.exists():
        known = [str(_read(found).get("Name")) for found in sorted(path.parent.parent.glob("*/meta.json"))]
        raise NotFoundError(
            f'no docker context "{name}"', code="unknown-context", known=["default", *known], hint="docker context ls"
        )
    endpoint = _read(path).get("Endpoints", {}).get("docker", {})
    tls = config / "contexts" / "tls" / identity / "docker"
    folder = certificates or (tls if tls.is_dir() else None)
    return EngineEndpoint(
        _checked(str(endpoint.get("Host") or DEFAULT_HOST), str(path)), folder, not endpoint.get("SkipTLSVerify", False)
    )


def _checked(host: str, source: str) -> str:
    if "://" not in host or urlsplit(host).scheme not in _SCHEMES:
        raise DeclarationError(
            f'{source}: expected the address of a Docker Engine, got "{host}"',
            hint="unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host",
        )
    return host


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unusable(path, error, "read") from error
    except ValueError as error:
        raise DeclarationError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DeclarationError(f"{path}: expected a mapping")
    return content
