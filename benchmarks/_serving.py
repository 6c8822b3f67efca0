"""Servers for benchmarks: started, waited for, stopped.

Their memory, their time to be ready, and what wrk says of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

TIMEOUT_S = 120.0
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Load:
    """What wrk says of a server under load.

    Attributes:
        requests_per_s: Answers per second.
        p50_ms: Half of the answers took no longer.
        p99_ms: 99 of 100 took no longer.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float


class Command:
    """A server as a command.

    Args:
        command: The command; ``{port}`` is the port.
        path: What to post to.
        body: A body that it answers with 200.
        folder: Where it runs.
        environment: Variables beside the process's own.
        pinned: Whether it has one processor, and ``wrk`` another.
    """

    def __init__(
        self,
        command: Sequence[str],
        path: str,
        body: bytes,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        pinned: bool = True,
    ) -> None:
        self.port = free_port()
        self._pinned = pinned
        self._command = [*self._on("0"), *(word.replace("{port}", str(self.port)) for word in command)]
        self.path, self.body, self._folder = path, body, folder
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
        self.ready_s = 0.0

    @property
    def url(self) -> str:
        """The address of the method."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def __enter__(self) -> Self:
        started = time.perf_counter()
        with (self._folder / f"server-{self.port}.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        while self.ask() is None:
            if self._process.poll() is not None or time.perf_counter() - started > TIMEOUT_S:
                log_text = (self._folder / f"server-{self.port}.log").read_text(errors="replace")
                self.__exit__(None, None, None)
                raise RuntimeError(f"{self._command} does not answer:\n{log_text[-3000:]}")
            time.sleep(0.01)
        self.ready_s = time.perf_counter() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._family():
            process.terminate()
        psutil.wait_procs(self._family(), timeout=10)
        for process in self._family():
            process.kill()
        self._process.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def memory_bytes(self) -> int:
        """Memory that its processes have for themselves, shared pages divided among them."""
        return sum(process.memory_full_info().pss for process in self._family())

    def ask(self) -> bytes | None:
        """Post the body; return the answer, None when it is not 200."""
        request = urllib.request.Request(self.url, self.body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bytes(response.read())
        except (urllib.error.URLError, OSError):
            return None

    def _on(self, processor: str) -> list[str]:
        return ["taskset", "-c", processor] if self._pinned else []

    def requests_per_s(self, connections: int, seconds: int) -> float:
        """Let wrk ask from another processor; every answer has to be 200."""
        return self.load(connections, seconds).requests_per_s

    def load(self, connections: int, seconds: int) -> Load:
        """Do the same, and say how long the answers took, too."""
        script = self._folder / f"wrk-{self.port}.lua"
        body = self.body.decode().replace("\\", "\\\\").replace("'", "\\'")
        script.write_text(
            f"wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n"
        )
        command = [
            *self._on("1"),
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}",
            "--latency",
            "--timeout",
            "30",
            "-s",
            str(script),
            self.url,
        ]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text or "Socket errors" in text:
            raise RuntimeError(text)
        found = re.search(r"Requests/sec:\s+([\d.]+)", text)
        latencies = [re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)\s*$", text, re.MULTILINE) for share in (50, 99)]
        if found is None or None in latencies:
            raise RuntimeError(text)
        p50_ms, p99_ms = (float(one[1]) * _MS[one[2]] for one in latencies if one is not None)
        return Load(float(found[1]), p50_ms, p99_ms)


class Served:
    """A model served by this project's server.

    Args:
        model: The model's path.
        *options: Further options of ``mlem-server``.
        certificate: What it proves itself with, where it serves by TLS.
    """

    def __init__(self, model: Path, *options: str, certificate: Path | None = None) -> None:
        self._port = free_port()
        self._certificate = certificate
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._port}"
        self._command = [
            sys.executable,
            "-m",
            "mlem_server",
            str(model),
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
            *options,
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + TIMEOUT_S
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not get ready")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def _is_ready(self) -> bool:
        from mlem.clients.http import HttpClient
        from mlem.clients.probe import ready
        from mlem_model.errors import MlemError

        if self._certificate is None:
            return ready(self.url, 2)[0]
        with contextlib.suppress(MlemError), HttpClient(url=self.url, ca_file=self._certificate) as client:
            return bool(client.methods)
        return False
