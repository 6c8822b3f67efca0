"""uv and pip as commands: with the user's settings for packages, and with what they say where they fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, PluginError, UserError

_TIMEOUT_S = 1800
_USER = re.compile(r"://[^/@\s]+@")
_REACH = re.compile(
    r"error sending request|[Cc]onnection (refused|reset|error)|Failed to establish|name resolution|dns error"
    r"|timed out|Temporary failure|tunnel|certificate|Network is unreachable|Failed to fetch"
)

EXCLUDE = "versions-exclude"
OF_NO_WHEEL = (
    "take another version of it, give a wheel of your own: --wheels DIR, or build where it can be compiled, "
    "with an Engine: --builder engine, or mlem build docker"
)
_NO_WHEEL = re.compile(
    r"no (matching )?wheels|no wheel|has no usable wheels|only-binary|no-build|No matching distribution"
)


def uv(words: Sequence[str]) -> str:
    """Run uv, and return what it prints.

    Raises:
        MlemError: It fails.
    """
    from uv import find_uv_bin

    try:
        program = find_uv_bin()
    except FileNotFoundError as error:
        raise PluginError("uv is not installed: it chooses the packages of images", hint="pip install uv") from error
    return _run([program, *words], _uv_environment(os.environ))


def pip(words: Sequence[str]) -> str:
    """Run pip, and return what it prints.

    Raises:
        MlemError: It fails.
    """
    return _run([sys.executable, "-I", "-m", "pip", *words], dict(os.environ))


def _run(words: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # uv or pip
            words,
            env=dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(f"{os.path.basename(words[0])} could not be run: {error}") from error
    if done.returncode:
        raise _failure(done.stderr or done.stdout)
    return done.stdout


def _uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv, which does not look at pip's settings where it has none of its own."""
    found = dict(environment)
    pip_index, more = found.get("PIP_INDEX_URL"), found.get("PIP_EXTRA_INDEX_URL")
    if not any(name in found for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")):
        found |= {"UV_DEFAULT_INDEX": pip_index} if pip_index else {}
        found |= {"UV_INDEX": more, "UV_INDEX_STRATEGY": "unsafe-best-match"} if more else {}
    if "PIP_FIND_LINKS" in found and "UV_FIND_LINKS" not in found:
        found["UV_FIND_LINKS"] = ",".join(found["PIP_FIND_LINKS"].split())
    if found.get("PIP_NO_INDEX") and "UV_NO_INDEX" not in found:
        found["UV_NO_INDEX"] = "1"
    if found.get("PIP_CERT") and "SSL_CERT_FILE" not in found:
        found["SSL_CERT_FILE"] = found["PIP_CERT"]
    return found


def _failure(output: str) -> MlemError:
    """Say what a failure means for whoever makes an image."""
    text = _USER.sub("://", "".join(c for c in output if c.isprintable() or c == "\n")).strip()
    shown = "\n".join(f"    | {line}" for line in text.splitlines()[-12:])
    if re.search(r"\b(401|403)\b|[Uu]nauthorized|Forbidden", text):
        return CredentialsError(
            f"the index of packages refuses:\n{shown}", hint="set its address with user and password, or ~/.netrc"
        )
    if re.search(r"No space left on device|os error 28", text):
        return UserError(f"the disk is full:\n{shown}", code="disk-full", hint="make room, and repeat the command")
    if re.search(r"DO NOT MATCH THE HASHES|[Hh]ash mismatch", text):
        return ConflictError(
            f"the index has another file than the one that was chosen:\n{shown}",
            code="hashes-differ",
            hint="find out who replaced it",
        )
    if _NO_WHEEL.search(text):
        return NotFoundError(
            f"a package has no wheel for this platform:\n{shown}",
            code="no-wheel",
            hint=OF_NO_WHEEL,
        )
    if re.search(r"was not found in the package registry|not found in the provided package locations", text):
        return NotFoundError(
            f"a package is in no index:\n{shown}",
            code="no-package",
            hint="is it in an index of your own? PIP_EXTRA_INDEX_URL; or give a wheel of it: --wheels DIR",
        )
    if re.search(r"No solution found", text):
        return UserError(
            f"the packages of the image exclude each other:\n{shown}",
            code=EXCLUDE,
            hint="other versions: --packages NAME==VERSION",
        )
    if _REACH.search(text):
        return PlatformError(
            f"the index of packages can't be reached:\n{shown}",
            code="no-index",
            hint="is there a network? another index: PIP_INDEX_URL; a proxy: HTTPS_PROXY",
        )
    return PlatformError(f"the packages of the image can't be chosen:\n{shown}", code="packages")
