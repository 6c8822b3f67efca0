from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlem.clients.probe import ready
from mlem_model.objects.yaml_file import dump, read_mapping


def wait_for(path: Path) -> None:
    done = threading.Event()
    for _ in range(6000):
        if path.exists():
            return
        done.wait(0.01)
    raise AssertionError(f"{path} did not appear")


def copy_of(model: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for path in (model, model.with_name(f"{model.name}.mlem")):
        shutil.copy(path, folder / path.name)
    return folder / model.name


def test_sigterm_finishes_what_is_in_flight_and_exits_with_0(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model)
    target = tmp_path / "answer"
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(served.post, "/predict", {"path": str(target)})
        wait_for(tmp_path / "answer.started")
        served.process.terminate()
        wait_until_refused(served.port)
        assert served.process.poll() is None
        target.touch()
        assert call.result().json == str(target)
    assert served.process.wait(timeout=60) == 0


def wait_until_refused(port: int) -> None:
    done = threading.Event()
    for _ in range(6000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        done.wait(0.01)
    raise AssertionError("the port is still open")


def test_sigint_stops_as_sigterm_does(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(timeout=60) == 0
    assert "Traceback" not in served.log


def test_a_second_signal_exits_at_once(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(served.post, "/predict", {"path": str(tmp_path / "never")})
        wait_for(tmp_path / "never.started")
        served.process.terminate()
        wait_until_refused(served.port)
        served.process.terminate()
        assert served.process.wait(timeout=60) == 128 + signal.SIGTERM
        assert isinstance(call.exception(), ConnectionError)


def test_requests_that_take_longer_than_the_limit_are_cut_off_and_counted(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    served = starter.start(file_model, "--shutdown-timeout-s", "0.2")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(served.post, "/predict", {"path": str(tmp_path / "never")})
        wait_for(tmp_path / "never.started")
        served.process.terminate()
        reply = call.result()
        assert (reply.status, reply.json["error"]["code"]) == (503, "stopping")
    assert served.process.wait(timeout=60) == 9
    assert "error[cut-off]: 1 requests were cut off after 0.2 s" in served.log


def test_a_call_that_finds_the_queue_full_is_refused_with_retry_after(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    served = starter.start(file_model, "--max-queue", "0")
    target = tmp_path / "answer"
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(served.post, "/predict", {"path": str(target)})
        wait_for(tmp_path / "answer.started")
        reply = served.post("/predict", {"path": os.devnull})
        assert (reply.status, reply.headers["retry-after"], reply.json["error"]["code"]) == (503, "1", "overloaded")
        target.touch()
        assert call.result().status == 200
    assert served.post("/predict", {"path": os.devnull}).status == 200


def test_a_call_that_takes_too_long_is_answered_with_503(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model, "--request-timeout-s", "0.2")
    reply = served.post("/predict", {"path": str(tmp_path / "never")})
    assert (reply.status, reply.headers["retry-after"], reply.json["error"]["code"]) == (503, "1", "timed-out")
    (tmp_path / "never").touch()
    assert served.get("/healthz").status == 200


def test_nobody_times_out_behind_a_call_that_was_given_up(starter: Any, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model, "--request-timeout-s", "1")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(served.post, "/predict", {"path": str(tmp_path / "never")})
        wait_for(tmp_path / "never.started")
        second = pool.submit(served.post, "/predict", {"path": os.devnull})
        assert first.result().json["error"]["code"] == "timed-out"
        third = served.post("/invocations", {"path": os.devnull})
    for reply in (second.result(), third):
        assert (reply.status, reply.headers["retry-after"], reply.json["error"]["code"]) == (503, "2", "model-busy")
        assert reply.json["error"]["message"].endswith(" s, longer than the 1 s that a call may take")
    assert served.get("/healthz").status == 200
    (tmp_path / "never").touch()
    wait_for_answer(served)
    assert b'mlem_rejected_total{reason="model-busy"} ' in served.get("/metrics").body


def wait_for_answer(served: Any) -> None:
    done = threading.Event()
    for _ in range(6000):
        reply = served.post("/predict", {"path": os.devnull})
        if reply.status == 200:
            return
        assert reply.json["error"]["code"] == "model-busy"
        done.wait(0.01)
    raise AssertionError("the model is still busy")


def test_a_body_that_comes_too_slowly_is_refused(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model, "--request-timeout-s", "0.2")
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_a_changed_artifact_is_refused(starter: Any, file_model: Path, tmp_path: Path) -> None:
    model = copy_of(file_model, tmp_path / "copy")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    served = starter.start(model, wait=False)
    assert served.process.wait(timeout=60) == 4
    assert "error[artifact-changed]:" in served.log


def test_a_model_that_answers_its_sample_otherwise_is_refused(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    model = copy_of(iris_model, tmp_path / "copy")
    metadata = model.with_name("iris.mlem")
    data = read_mapping(metadata)
    data["samples"]["predict"]["returns"] = [1]
    metadata.write_bytes(dump(data))
    served = starter.start(model, wait=False)
    assert served.process.wait(timeout=60) == 8
    assert "error[gate-failed]: predict: the sample row gives [0], but gave [1] when the model was saved" in served.log


def test_a_model_that_is_not_there_is_refused(starter: Any, tmp_path: Path) -> None:
    served = starter.start(tmp_path / "nothing", wait=False)
    assert served.process.wait(timeout=60) == 3
    assert served.log.startswith(f"error[not-found]: can't read {tmp_path}/nothing.mlem")


def run(model: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "mlem_server", str(model), *options]
    return subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)


def test_a_taken_port_is_refused_with_the_next_step(file_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(file_model, "--host", "127.0.0.1", "--port", str(port))
    message = f"error[port-in-use]: port {port} of 127.0.0.1 is in use\nhint: choose another one: --port N\n"
    assert (result.returncode, result.stderr.decode()) == (2, message)


def test_a_file_descriptor_that_is_no_socket_is_refused(file_model: Path) -> None:
    result = run(file_model, "--fd", "0")
    assert (result.returncode, result.stderr.decode().partition(":")[0]) == (2, "error[bad-address]")


def test_the_server_is_alive_and_not_ready_while_the_model_is_loaded(
    starter: Any, slow_model: tuple[Path, Path]
) -> None:
    model, go_on = slow_model
    served = starter.start(model, wait=False)
    is_ready, reason = ready(served.url, 60)
    assert (is_ready, reason) == (False, "the model is being loaded")
    assert served.get("/healthz").status == 200
    reply = served.post("/predict", {"x": 1})
    assert (reply.status, reply.headers["retry-after"], reply.json["error"]["code"]) == (503, "1", "not-ready")
    go_on.touch()
    for _ in range(6000):
        if ready(served.url, 60)[0]:
            break
        threading.Event().wait(0.01)
    assert served.post("/predict", {"x": 1}).json == 1


def test_sigterm_while_the_model_is_loaded_exits_with_0(starter: Any, slow_model: tuple[Path, Path]) -> None:
    served = starter.start(slow_model[0], wait=False)
    assert ready(served.url, 60)[0] is False
    served.process.terminate()
    assert served.process.wait(timeout=60) == 0


def test_the_model_may_come_from_the_environment_as_sagemaker_starts_it(starter: Any, file_model: Path) -> None:
    served = starter.start(None, "serve", env={"MLEM_MODEL": str(file_model)})
    assert served.post("/invocations", os.devnull).json == os.devnull
