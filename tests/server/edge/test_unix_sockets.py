"""A server listens on a Unix socket; what a killed one left behind is no obstacle, and what is in use stays."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def ask(path: Path) -> Any:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(path))
    connection.request("POST", "/predict", json.dumps({"X": [ROW]}), {"content-type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_it_answers_and_leaves_no_file(starter: Any, iris_model: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    path = tmp_path / "server.sock"
    served = starter.start(iris_model, "--unix-socket", str(path), *more, by_file=True)
    wait_until(lambda: "ready" in served.log)
    assert ask(path) == [0]
    assert f"unix:{path}" in served.log
    served.process.send_signal(signal.SIGTERM)
    assert (served.process.wait(60), path.exists()) == (0, False)


def test_the_file_of_a_killed_server_is_replaced_and_one_in_use_is_not(
    starter: Any, iris_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "server.sock"
    killed = starter.start(iris_model, "--unix-socket", str(path), by_file=True)
    wait_until(lambda: "ready" in killed.log)
    killed.process.kill()
    killed.process.wait()
    assert path.is_socket()
    served = starter.start(iris_model, "--unix-socket", str(path), by_file=True)
    wait_until(lambda: "ready" in served.log)
    other = starter.start(iris_model, "--unix-socket", str(path), by_file=True)
    assert other.process.wait(60) == 2
    assert "error[port-in-use]" in other.log
    assert ask(path) == [0]


def test_what_is_not_a_socket_is_left_alone(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    served = starter.start(iris_model, "--unix-socket", str(path), by_file=True)
    assert (served.process.wait(60), path.read_text()) == (2, "mine")
