"""Tests of `mlem_server.process.memory`: what the C library itself says of its heaps."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, sys, threading
from mlem_server.process.memory import share_one_heap

share_one_heap()
kept = []
thread = threading.Thread(target=lambda: kept.append([bytes(100_000) for _ in range(50)]))
thread.start()
thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no heap for each thread")
@pytest.mark.parametrize(("given", "heaps"), [(None, 1), ("4", 2)])
def test_threads_share_one_heap_unless_the_environment_says_otherwise(
    tmp_path: Path, given: str | None, heaps: int
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if given is not None:
        environment["MALLOC_ARENA_MAX"] = given
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "heaps.xml")], env=environment, check=True)
    assert len(re.findall(r"<heap nr=", (tmp_path / "heaps.xml").read_text())) == heaps
