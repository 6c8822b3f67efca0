"""Real servers on loopback, each a process of its own, with models that were saved by mlem."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
from waiting import wait_until

from mlem.clients.probe import ready
from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.saving import save

TIMEOUT_S = 60.0
MODEL_TYPES = (SklearnModel, CallableModel)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def log_with(self, text: str) -> str:
        """Return the log once it has a text: a line is written after the answer was sent."""
        wait_until(lambda: text in self.log)
        return self.log

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request(
            "POST", path, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})}
        )

    def raw(self, data: bytes, *, finish: bool = False) -> bytes:
        """Send bytes as they are, and return all that comes back until the server closes.

        `finish` closes the sending side.
        """
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as connection:
            with contextlib.suppress(OSError):  # the server may have refused already
                connection.sendall(data)
                if finish:
                    connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    received += part
        return received


class Starter:
    """Starts servers, and stops those that still run at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        model: Path | None,
        *options: str,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
        prefix: Sequence[str] = (),
        by_file: bool = False,
    ) -> Served:
        """Start a server, and wait until it is ready; one that listens on a file of its own is not waited for."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MLEM_") and name != "PORT"
        }
        log_file = self.folder / f"server-{len(self.processes)}.log"
        with socket.socket() as listener, log_file.open("wb") as log:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            process = subprocess.Popen(
                [
                    *prefix,
                    sys.executable,
                    "-m",
                    "mlem_server",
                    *([str(model)] if model else []),
                    *(() if by_file else ("--fd", str(listener.fileno()))),
                    *options,
                ],
                pass_fds=[listener.fileno()],
                stderr=log,
                stdout=log,
                cwd=self.folder,
                env={**environment, **(env or {})},
            )
            self.processes.append(process)
            served = Served(process, listener.getsockname()[1], log_file)
        if wait and not by_file:
            wait_until(lambda: process.poll() is not None or ready(served.url, 5)[0])
            assert process.poll() is None, served.log
        return served

    def stop(self) -> None:
        """End the servers: asked to, so that what they ran is counted, and killed where that takes long."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=2)
            process.kill()
            process.wait()


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    result = Starter(tmp_path)
    yield result
    result.stop()


@pytest.fixture(scope="session")
def iris_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decision tree on a frame with named columns."""
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    frame = load_iris(as_frame=True).data
    frame.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    model = DecisionTreeClassifier(random_state=0).fit(frame, load_iris().target)
    path = tmp_path_factory.mktemp("iris") / "iris"
    save(model, path, sample_data=frame, model_types=MODEL_TYPES)
    return path


@pytest.fixture(scope="session")
def file_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function that answers when the file that it is asked for is there: a test decides how long a call takes."""

    def predict(path: str) -> str:
        import os

        if path == "raise":
            raise KeyError("a secret of the model")
        if path == "exit":
            raise SystemExit(3)
        if path == "stop iteration":
            raise StopIteration
        if path != os.devnull:
            with open(f"{path}.started", "w"):
                pass
        while not os.path.exists(path):
            time.sleep(0.005)
        return path

    path = tmp_path_factory.mktemp("file") / "file"
    save(predict, path, sample_data=os.devnull, model_types=MODEL_TYPES)
    return path


@pytest.fixture
def slow_model(tmp_path: Path) -> tuple[Path, Path]:
    """A model that is loaded when a file is there, and that file."""

    class Slow:
        def __init__(self, path: str) -> None:
            self.path = path

        def __setstate__(self, state: dict[str, str]) -> None:
            import os

            self.__dict__.update(state)
            while not os.path.exists(self.path):
                time.sleep(0.005)

        def __call__(self, x: int) -> int:
            return x

    save(Slow(str(tmp_path / "go-on")), tmp_path / "slow", sample_data=1, model_types=MODEL_TYPES)
    return tmp_path / "slow", tmp_path / "go-on"


@pytest.fixture(scope="session")
def shared_starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    result = Starter(tmp_path_factory.mktemp("servers"))
    yield result
    result.stop()


@pytest.fixture(scope="session")
def iris(shared_starter: Starter, iris_model: Path) -> Served:
    return shared_starter.start(iris_model, "--max-body-mib", "1", "--access-log")


@pytest.fixture(scope="session")
def file(shared_starter: Starter, file_model: Path) -> Served:
    return shared_starter.start(file_model)


@pytest.fixture(scope="session")
def sums(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that sums the rows of a matrix."""

    def predict(X: Any) -> Any:
        return X.sum(axis=1)

    path = tmp_path_factory.mktemp("sums") / "sums"
    save(predict, path, sample_data=numpy.array([[1.0, 2.0], [3.0, 4.5]]), model_types=(CallableModel,))
    return shared_starter.start(path)
