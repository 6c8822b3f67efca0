"""Credentials for registries, as the docker command has them: its configuration, and helpers that it names.

Source: https://docs.docker.com/reference/cli/docker/login/, "Credential stores" and "Credential helpers" (read
2026-11).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mlem_image.registry.reference import DOCKER_HUB

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_S = 60
_BY_TOKEN = "<token>"  # noqa: S105  # what helpers give as the user's name beside an identity token


@dataclass(frozen=True)
class Credentials:
    """Who asks.

    Attributes:
        username: The user.
        password: The password, or a token in its place.
        identity_token: A token that the registry's own service exchanges for others; empty for none.
    """

    username: str
    password: SecretStr
    identity_token: SecretStr | None = None

    @property
    def basic(self) -> str:
        """The header of HTTP's basic authentication."""
        pair = f"{self.username}:{self.password.get_secret_value()}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def stored(host: str, environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """Return what the docker command would use for a registry; None for nobody in particular.

    What can't be read counts as nothing, as with ``docker pull``.

    Args:
        host: The registry.
        environment: Names the folder of the configuration.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = [_HUB_KEY, "index.docker.io", "docker.io"] if host == DOCKER_HUB else [host, f"https://{host}"]
    helpers, store = _part(content, "credHelpers", dict), _part(content, "credsStore", str)
    for key in keys:
        helper = helpers.get(key) or store
        found = (_of_helper(helper, key) if isinstance(helper, str) and helper else None) or _of_entry(
            _part(content, "auths", dict).get(key)
        )
        if found is not None:
            return found
    return None


def _part(content: Any, name: str, kind: type) -> Any:
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, kind) else kind()


def _of_entry(entry: Any) -> Credentials | None:
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials("", SecretStr(""), SecretStr(token))
    try:
        username, colon, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (binascii.Error, TypeError, ValueError):
        return None
    return Credentials(username, SecretStr(password.rstrip("\0"))) if colon else None


def _of_helper(helper: str, key: str) -> Credentials | None:
    """Ask a program of the user's for credentials; it reads the registry's name, and writes JSON."""
    program = shutil.which(f"docker-credential-{helper}")
    if program is None or "/" in helper:
        return None
    try:
        # S603: the program that the user's configuration names
        done = subprocess.run(  # noqa: S603
            [program, "get"], input=key, capture_output=True, text=True, timeout=_HELPER_S, check=True
        )
        found = json.loads(done.stdout)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    if username == _BY_TOKEN:
        return Credentials("", SecretStr(""), SecretStr(secret))
    return Credentials(username, SecretStr(secret))
