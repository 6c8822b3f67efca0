"""Where what plugins print goes while they are imported: the command line's stdout is for results alone."""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

_aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
_is_aside = contextvars.ContextVar("_is_aside", default=False)


def aside() -> AbstractContextManager[None]:
    """Return the context to import plugins in.

    A program that uses mlem keeps its own stdout: only `keep_stdout_for_results`, of the command line, makes this do
    anything.
    """
    return contextlib.nullcontext() if _is_aside.get() else _aside()


@contextlib.contextmanager
def once_aside() -> Iterator[None]:
    """Send what plugins print to stderr for a while, once for all threads that are started meanwhile.

    Each of them would take the others' stderr for stdout when it puts back what it found.
    """
    with aside():
        token = _is_aside.set(True)
        try:
            yield
        finally:
            _is_aside.reset(token)


def keep_stdout_for_results() -> None:
    """Send to stderr from now on what plugins print while they are imported."""
    global _aside
    _aside = _stdout_to_stderr


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    # The descriptor too: what a plugin starts (a compiled library, another program) knows nothing of sys.stdout.
    with _descriptor_to_stderr(), contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    try:
        _flush()
        kept = os.dup(1)
    except (OSError, ValueError):  # there is no stdout
        yield
        return
    try:
        with contextlib.suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            _flush()
        os.dup2(kept, 1)
        os.close(kept)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
