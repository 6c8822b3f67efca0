"""uv and pip as commands: with the user's settings for packages, and with what they say where they fail."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, PluginError, UserError
from mlem_image.packages.indexes import NO_INDEXES, Indexes

_TIMEOUT_S = 1800
_PIP = (
    "import os, sys, threading; "
    "threading.Thread(target=lambda: os.read(0, 1) or os._exit(1), daemon=True).start(); "
    "import runpy; sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')"
)
"""pip, which ends with the process that has started it: its input ends then, also where that process is killed."""
_USER = re.compile(r"://[^/@\s]+@")
_REACH = re.compile(
    r"error sending request|[Cc]onnection (refused|reset|error)|Failed to establish|name resolution|dns error"
    r"|timed out|Temporary failure|tunnel|certificate|Network is unreachable|Failed to fetch"
)

_BROKEN = re.compile(r"after connection broken by|Could not fetch URL")
"""What pip says before it goes on, and finds nothing."""

EXCLUDE = "versions-exclude"
OF_NO_WHEEL = (
    "take another version of it, give a wheel of your own: --wheels DIR, or build where it can be compiled, "
    "with an Engine: --builder engine, or mlem build docker"
)
_NO_WHEEL = re.compile(
    r"no (matching )?wheels|no wheel|has no usable wheels|only-binary|no-build|No matching distribution"
)


def uv(words: Sequence[str], indexes: Indexes = NO_INDEXES) -> str:
    """Run uv, and return what it prints.

    Args:
        words: Its arguments.
        indexes: Where packages are taken from, beyond the user's settings.

    Raises:
        MlemError: It fails.
    """
    from uv import find_uv_bin

    try:
        program = find_uv_bin()
    except FileNotFoundError as error:
        raise PluginError("uv is not installed: it chooses the packages of images", hint="pip install uv") from error
    return _run([program, *words], indexes.uv_environment(os.environ))


class Pip:
    """Runs pip, several at once; none is left when the context ends.

    Args:
        indexes: Where packages are taken from, beyond the user's settings.
        folder: Where pip works: what a killed one leaves is there.
    """

    def __init__(self, indexes: Indexes, folder: Path) -> None:
        self._environment = {**indexes.pip_environment(os.environ), "TMPDIR": str(folder)}
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def run(self, words: Sequence[str], more: Mapping[str, str] | None = None) -> str:
        """Run it, and return what it prints; may be called from several threads.

        Args:
            words: Its arguments.
            more: Variables for it.

        Raises:
            MlemError: It fails.
        """
        return _run([sys.executable, "-I", "-c", _PIP, *words], {**self._environment, **(more or {})}, self._started)

    @contextlib.contextmanager
    def _started(self, process: subprocess.Popen[str]) -> Iterator[None]:
        with self._lock:
            self._running.add(process)
            if self._stopped:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)


def _run(
    words: Sequence[str],
    environment: Mapping[str, str],
    started: Callable[[subprocess.Popen[str]], contextlib.AbstractContextManager[None]] = lambda _: (
        contextlib.nullcontext()
    ),
) -> str:
    here, ours = os.pipe()  # `ours` is never written to: it ends with this process
    try:
        with (
            open(ours, "wb"),
            open(here, "rb") as theirs,
            subprocess.Popen(  # noqa: S603  # uv or pip
                words,
                env=dict(environment),
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            ) as process,
            started(process),
        ):
            try:
                output, errors = process.communicate(timeout=_TIMEOUT_S)
            finally:
                process.kill()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlatformError(f"{os.path.basename(words[0])} could not be run: {type(error).__name__}") from error
    if process.returncode:
        raise _failure(errors or output)
    return output


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
    if _NO_WHEEL.search(text) and not _BROKEN.search(text):
        return NotFoundError(
            f"a package has no wheel for this platform:\n{shown}",
            code="no-wheel",
            hint=OF_NO_WHEEL,
        )
    if re.search(r"was not found in the package registry|not found in the provided package locations", text):
        return NotFoundError(
            f"a package is in no index:\n{shown}",
            code="no-package",
            hint="is it in an index of your own? PIP_EXTRA_INDEX_URL, with user and password where it asks for them; "
            "or give a wheel of it: --wheels DIR",
        )
    if re.search(r"No solution found", text):
        return UserError(
            f"the packages of the image exclude each other:\n{shown}",
            code=EXCLUDE,
            hint="other versions: --packages NAME==VERSION",
        )
    if _REACH.search(text) or _BROKEN.search(text):
        return PlatformError(
            f"the index of packages can't be reached:\n{shown}",
            code="no-index",
            hint="is there a network? another index: PIP_INDEX_URL; a proxy: HTTPS_PROXY",
        )
    return PlatformError(f"the packages of the image can't be chosen:\n{shown}", code="packages")
