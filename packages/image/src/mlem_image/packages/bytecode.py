"""`Bytecode`: the compiled modules of an image: with them a server starts in a quarter of the time."""

from __future__ import annotations

import io
import os
import queue
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Self

from mlem import MlemError, PlatformError
from mlem_image.layers.entry import Entry
from mlem_image.packages import compiler
from mlem_image.packages.commands import uv

_LARGEST_BYTES = 20 * 2**20
_AHEAD = 64
_TESTS = ("tests", "test")
"""Folders whose modules no server imports."""


class Bytecode:
    """Compiles the modules among files, in processes of the image's Python.

    Args:
        python: The Python's version: ``3.11``.

    Attributes:
        compiled_by: The version that compiles: ``3.11.7``; empty where there is none here: then nothing is compiled.
    """

    def __init__(self, python: str) -> None:
        self._program, self.compiled_by = _interpreter(python)
        self._tag = f"cpython-{python.replace('.', '')}"
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "mlem-compiler")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def added(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield entries, and after each module what it is compiled to."""
        under_way: deque[tuple[Entry, Future[bytes] | None]] = deque()
        for entry in entries:
            compiled = self._threads.submit(self._compile, entry) if self._is_module(entry) else None
            under_way.append((entry, compiled))
            if len(under_way) > _AHEAD:
                yield from self._finished(*under_way.popleft())
        while under_way:
            yield from self._finished(*under_way.popleft())

    def _is_module(self, entry: Entry) -> bool:
        folders = entry.path.split("/")[:-1]
        return bool(
            self.compiled_by
            and entry.open is not None
            and entry.path.endswith(".py")
            and "/bin/" not in entry.path
            and entry.size_bytes < _LARGEST_BYTES
            and not any(folder in _TESTS for folder in folders)
        )

    def _finished(self, entry: Entry, compiled: Future[bytes] | None) -> Iterator[Entry]:
        yield entry
        made = compiled.result() if compiled is not None else b""
        if made:
            folder, _, name = entry.path.rpartition("/")
            path = f"{folder}/__pycache__/{name.removesuffix('.py')}.{self._tag}.pyc"
            yield Entry(path, 0o644, len(made), lambda: io.BytesIO(made))

    def _compile(self, entry: Entry) -> bytes:
        assert entry.open is not None  # noqa: S101  # `_is_module` has looked
        with entry.open() as file:
            source = file.read(entry.size_bytes)
        path = f"/{entry.path}".encode()
        process = self._process()
        sent, answers = _pipes(process)
        try:
            sent.write(struct.pack("<II", len(path), len(source)) + path + source)
            sent.flush()
            (length,) = struct.unpack("<I", answers.read(4))
            made = answers.read(length)
        except (OSError, struct.error) as error:
            raise PlatformError(f"the Python that compiles {entry.path} has ended: {error}") from error
        self._idle.put(process)
        return made

    def _process(self) -> subprocess.Popen[bytes]:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            program = Path(compiler.__file__).read_text(encoding="utf-8")
            # S603: a Python and a program of our own
            process = subprocess.Popen(  # noqa: S603
                [self._program, "-I", "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._all.append(process)
            return process


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    found: Any = process.stdin, process.stdout
    return found  # type: ignore[no-any-return]  # they are there: the process was started with them


def _interpreter(python: str) -> tuple[str, str]:
    """Return the program of a Python of a version on this machine, and its whole version; empty where there is none."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == python:
        return sys.executable, "{}.{}.{}".format(*sys.version_info[:3])
    try:
        program = uv(["python", "find", "--no-project", "--no-config", python]).strip()
        said = subprocess.run(  # noqa: S603  # what uv has found
            [program, "-I", "-S", "-c", "import sys; print('{}.{}.{}'.format(*sys.version_info[:3]))"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (MlemError, OSError, subprocess.CalledProcessError):
        return "", ""
    return program, said.stdout.strip()
