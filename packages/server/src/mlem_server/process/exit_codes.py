"""Exits: how a process ended, in words and as an exit code."""

from __future__ import annotations

import signal

HANG_EXIT_CODE = 11
"""The exit code when the model did not come back from a call; the codes of `mlem_model.errors` end with 10."""
HANG_SIGNAL = signal.SIGALRM
"""The signal that ends a process whose event loop has stopped: its handler writes where each thread is, without
Python's lock."""
PERMANENT_FAILURES = frozenset({2, 3, 4, 8})
"""A wrong option or file, a missing part, a changed artifact, a wrong sample answer: starting again would not help."""


def describe_exit(code: int) -> str:
    """Return how a process ended: ``ended with code 9``, ``was ended by SIGSEGV``.

    Args:
        code: Its exit code, negative for a signal, as `os.waitstatus_to_exitcode` has it.
    """
    if code == -HANG_SIGNAL:
        return f"was ended by {HANG_SIGNAL.name}: it gave no sign of life"
    if code >= 0:
        return f"ended with code {code}{': its model hangs' if code == HANG_EXIT_CODE else ''}"
    return f"was ended by {exit_label(code)}"


def exit_label(code: int) -> str:
    """Return an end in one word, for metrics: ``9``, ``SIGSEGV``."""
    if code >= 0:
        return str(code)
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"


def exit_code(code: int) -> int:
    """Return the exit code to pass on: for a signal the same as a shell's, and one code for every hang."""
    if code == -HANG_SIGNAL:
        return HANG_EXIT_CODE
    return code if code >= 0 else 128 - code
