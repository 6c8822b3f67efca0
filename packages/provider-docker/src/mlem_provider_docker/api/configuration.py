"""The docker command's configuration, as far as a build or a transfer needs it.

Faults in the rest of it do not matter here.

``docker build`` works with a credential helper that is not installed, and with an entry that can't be decoded, as long
as no image comes from that registry; the SDK for Python reads all of it first.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_patching = threading.Lock()


def folder(environment: Mapping[str, str], home: Path) -> Path:
    """Return the folder of the configuration."""
    return Path(environment.get("DOCKER_CONFIG") or home / ".docker")


def usable(content: Any) -> dict[str, Any]:
    """Return what the SDK can read of a configuration."""
    if not isinstance(content, dict):
        return {}
    kept = {key: value for key, value in content.items() if key not in _PARTS or _PARTS[key](value)}
    if "auths" in kept:
        kept["auths"] = {registry: entry for registry, entry in kept["auths"].items() if _is_login(entry)}
    if "proxies" in kept:
        kept["proxies"] = {name: value for name, value in kept["proxies"].items() if _is_texts(value)}
    return kept


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


_PARTS: Mapping[str, Callable[[Any], bool]] = {
    "auths": lambda value: isinstance(value, dict),
    "credHelpers": _is_texts,
    "credsStore": lambda value: isinstance(value, str),
    "HttpHeaders": _is_texts,
    "proxies": lambda value: isinstance(value, dict),
}


def _is_login(entry: Any) -> bool:
    """Say whether an entry of ``auths`` can be read: ``auth`` is base64 of ``user:password``."""
    if not isinstance(entry, dict):
        return False
    if "identitytoken" in entry or "auth" not in entry:
        return True
    try:
        return b":" in base64.b64decode(entry["auth"].encode("ascii"))
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        return False


@contextmanager
def readable_by_sdk(config: Any) -> Iterator[None]:
    """Let the SDK read the configuration without what it can't read; it has no other way to be given one.

    Args:
        config: The SDK's module that reads it.
    """
    path = folder(os.environ, Path(os.path.expanduser("~"))) / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    kept = usable(content)
    if kept == content:
        yield
        return
    with _patching:
        load = config.load_general_config
        # with nothing in it, the SDK would read the file after all
        config.load_general_config = lambda _path=None: {"auths": {}, **kept}
        try:
            yield
        finally:
            config.load_general_config = load


def logins(sdk: Any, auths: Any, images: Iterable[str]) -> dict[str, Any]:
    """Return the credentials for the registries that images come from, and for no other.

    Args:
        sdk: The SDK.
        auths: Its configuration of credentials.
        images: The images' names.
    """
    found = {}
    for image in images:
        registry = sdk.auth.resolve_repository_name(image)[0]
        try:
            login = auths.resolve_authconfig(registry)
        except (
            sdk.errors.DockerException
        ):  # a helper that does not work: the image may be anybody's, and if not the registry says so
            continue
        if login:
            found[sdk.auth.INDEX_URL if registry == sdk.auth.INDEX_NAME else registry] = login
    return found
