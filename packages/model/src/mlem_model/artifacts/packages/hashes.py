"""Hashes of the packages that a model needs, as the package index has them when it is saved."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from mlem_model.artifacts.packages.pip_settings import uv_environment
from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.packages.requirements import is_own
from mlem_model.errors import CredentialsError, MlemError, NotFoundError, PlatformError, PluginError, UserError

_TIMEOUT_S = 600
_NAMED = re.compile(r"^([0-9A-Za-z][0-9A-Za-z._-]*)\s*(?:==|@)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_USER = re.compile(r"://[^/@\s]+@")
_REPOSITORY = re.compile(r"[a-z]+\+")


def hashed(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Return requirements with the hashes of all files that the package index has of them.

    A package from a repository has a commit, and none; mlem's own come from where the model is deployed from.

    Raises:
        CredentialsError: The index refuses.
        NotFoundError: The index does not have what is installed here.
        PlatformError: The index can't be asked.
        PluginError: uv is not installed.
        UserError: A requirement has no hash.
    """
    asked = [one for one in requirements if not is_own(one.module) and not _REPOSITORY.match(one.url or "")]
    found = _of_index(_chosen(asked, "requirements.txt", "--generate-hashes")) if asked else {}
    without = [one for one in asked if not found.get(_normalized(one.package_name))]
    if without:  # it is in a folder: the file is read, the one that fits this machine
        found |= _of_files(_chosen(without, "pylock.toml"))
    unknown = next((one for one in without if not found.get(_normalized(one.package_name))), None)
    if unknown is not None:
        raise UserError(
            f"the package index has no hash of {unknown.pip}", code="no-hash", hint="save it without require_hashes"
        )
    return tuple(
        one.model_copy(update={"hashes": found[_normalized(one.package_name)]}) if one in asked else one
        for one in requirements
    )


def _of_index(written: str) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of all files, by the package's normalized name, of what uv has written."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in written.splitlines():
        named = _NAMED.match(line)
        name = _normalized(named[1]) if named else name
        found.setdefault(name, set()).update(_HASH.findall(line))
    return {name: tuple(sorted(hashes)) for name, hashes in found.items()}


def _of_files(written: str) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of files that fit this machine, of what uv has written.

    Source: https://packaging.python.org/en/latest/specifications/pylock-toml/ (read 2026-11).
    """
    found = {}
    for package in tomllib.loads(written).get("packages", ()):
        files = [*package.get("wheels", ()), *(package[kind] for kind in ("sdist", "archive") if kind in package)]
        hashes = {file["hashes"]["sha256"] for file in files if "sha256" in file.get("hashes", ())}
        found[_normalized(package["name"])] = tuple(sorted(hashes))
    return found


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _chosen(requirements: Sequence[Requirement], format: str, *more: str) -> str:
    try:
        from uv import find_uv_bin

        program = find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise PluginError(
            "uv is not installed: it asks the package index for hashes", hint="pip install 'mlem-model[hashes]'"
        ) from error
    words = (
        *("pip", "compile", "-", "--no-deps", "--quiet", "--no-config", "--no-header", "--no-annotate"),
        *("--python", sys.executable, "--format", format, *more),
    )
    try:
        done = subprocess.run(  # noqa: S603  # uv, with lines that `Requirement` has checked
            [program, *words],
            input="".join(f"{one.pip}\n" for one in requirements),
            env=uv_environment(os.environ),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(f"uv could not be run: {type(error).__name__}", code="no-index") from error
    if done.returncode:
        raise _failure(done.stderr)
    return done.stdout


def _failure(output: str) -> MlemError:
    text = _USER.sub("://", "".join(c for c in output if c.isprintable() or c == "\n")).strip()
    shown = "\n".join(f"    | {line}" for line in text.splitlines()[-12:])
    if re.search(r"\b(401|403)\b|[Uu]nauthorized|Forbidden", text):
        return CredentialsError(
            f"the package index refuses:\n{shown}", hint="set its address with user and password, or ~/.netrc"
        )
    if re.search(r"No solution found|not found in the package registry|not found in the provided", text):
        return NotFoundError(
            f"the package index does not have what is installed here:\n{shown}",
            code="no-package",
            hint="is it in an index of your own? PIP_EXTRA_INDEX_URL",
        )
    return PlatformError(
        f"the package index can't be asked for hashes:\n{shown}",
        code="no-index",
        hint="is there a network? another index: PIP_INDEX_URL; a proxy: HTTPS_PROXY",
    )
