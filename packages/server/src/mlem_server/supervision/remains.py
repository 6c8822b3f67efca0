"""`Remains`: what loading a model has left in a process, and a fork of the process would not have, or share.

A fork has the memory of a process, and only one of its threads. It shares its open files: two processes that read from
one connection get parts of each other's answers. And it goes on with the same random numbers.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
import time
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

_THREADS = Path("/proc/self/task")
_FILES = Path("/proc/self/fd")
_HARMLESS = ("/dev/null", "/dev/urandom", "/dev/random")
_EXPECTING_FORKS = ("jemalloc_bg_thd",)
"""Threads that a fork does without, by name: that of the heap of Arrow only gives memory back. Source:
https://github.com/jemalloc/jemalloc/blob/dev/src/background_thread.c, ``background_thread_postfork_child`` (read
2026-11)."""
_FEW = 16
_ENDING_S = 2.0
"""A thread that was told to end is gone after this time."""


class Remains:
    """Compares a process with what it is now, before it loads a model.

    Args:
        packages: What the model needs.
    """

    def __init__(self, packages: Collection[str]) -> None:
        if "numpy" in packages:
            with contextlib.suppress(ImportError):  # loading the model says what is missing
                importlib.import_module("numpy.random")  # else nobody could say whether it was seeded
        _draw_up_to_the_next()
        self._files = _open_files()
        self._seeds = _seeds()

    def reason(self) -> str:
        """Return why this process can't be forked, in words; empty where it can.

        It has to have one thread but for those that end on their own, and those of libraries that expect forks.
        """
        if not _is_alone():
            return f"left a thread running ({', '.join(sorted({*_threads()}))})"
        files = sorted(target for number, target in _open_files().items() if self._files.get(number) != target)
        if files:
            return f"left {files[0]} open"
        if _has_child():
            return "left a process running"
        seeds = _seeds()
        changed = [name for name, seed in self._seeds.items() if seeds.get(name) != seed]
        return f"has seeded the random numbers of {changed[0]}" if changed else ""


def seed_anew() -> None:
    """Give this process random numbers of its own; `random` does so by itself in a fork."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.seed()


def _is_alone() -> bool:
    """Whether there is one thread, or will be in a moment."""
    if _threads():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's own: it has not heard that they end
            # libraries that expect forks, as OpenBLAS does, end their threads before one
            child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    deadline = time.monotonic() + _ENDING_S
    while _threads():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _threads() -> list[str]:
    """Return the names of the other threads, but for those that expect forks."""
    found = []
    for thread in _THREADS.iterdir():
        with contextlib.suppress(OSError):  # it has ended
            name = (thread / "comm").read_text().strip()
            if thread.name != str(os.getpid()) and name not in _EXPECTING_FORKS:
                found.append(name)
    return found


def _open_files() -> dict[str, str]:
    found = {}
    for number in os.listdir(_FILES):
        try:
            target = os.readlink(_FILES / number)
        except OSError:  # the one that the list was read from
            continue
        if target not in _HARMLESS:
            found[number] = target
    return found


def _has_child() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _seeds() -> dict[str, Any]:
    """Return what seeding changes, and drawing a few hundred numbers does not: both generators make 624 at a time."""
    found: dict[str, Any] = {"random": random.getstate()[1][:-1]}
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        found["numpy"] = numpy.get_state()[1].tobytes()
    return found


def _draw_up_to_the_next() -> None:
    """Draw numbers until most of those that were made together are left."""
    while random.getstate()[1][-1] > _FEW:
        random.random()  # noqa: S311  # nobody sees it
    numpy = sys.modules.get("numpy.random")
    while numpy is not None and numpy.get_state()[2] > _FEW:
        numpy.random()
