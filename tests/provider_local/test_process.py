"""Server processes are told apart by label and start, also when pids are reused."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from mlem import PlatformError
from mlem_provider_local.log_file import LOG_FILE
from mlem_provider_local.process import Label, Server, find, listen, lookup, start, stop

LABEL = Label("0" * 32, "1" * 32, "127.0.0.1", 4321)


def test_a_label_survives_the_process_list() -> None:
    assert Label.parse(str(LABEL)) == LABEL
    assert Label.parse("something else") is None


def test_a_reused_pid_is_not_taken_for_ours() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = psutil.Process(stranger.pid).create_time()
        assert lookup(stranger.pid, started) is None
        stop([Server(stranger.pid, started, LABEL)], timeout_s=0.1)
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    """The log of the deployment: what writes it is ours."""
    path = tmp_path / LABEL.lineage / LOG_FILE
    path.parent.mkdir()
    with path.open("w+b") as file:
        yield file


def test_the_same_pid_with_another_start_is_another_process(log: IO[bytes]) -> None:
    program = "import sys; print('started', file=sys.stderr, flush=True); input()"
    arguments = [sys.executable, "-c", program, "--deployment", str(LABEL)]
    ours = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.PIPE)
    copy = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        assert ours.stderr is not None
        ours.stderr.readline()  # a process has no arguments yet in the moment in which it becomes its program
        started = psutil.Process(ours.pid).create_time()
        assert lookup(ours.pid, started) == Server(ours.pid, started, LABEL)
        assert lookup(ours.pid, started - 3600) is None
        assert [server.pid for server in find(LABEL.lineage)] == [ours.pid]
    finally:
        ours.communicate(b"\n")
        copy.communicate(b"\n")


def test_a_server_that_does_not_stop_is_killed(log: IO[bytes]) -> None:
    stubborn = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\nsignal.pause()"
    )
    process = subprocess.Popen([sys.executable, "-c", stubborn, "--deployment", str(LABEL)], stdout=log)
    while not log.tell():
        log.seek(0, os.SEEK_END)
        assert process.poll() is None
    stop(find(LABEL.lineage), timeout_s=0.2)
    assert find(LABEL.lineage) == []
    process.wait(10)


def test_a_taken_port_and_a_foreign_address_are_platform_errors() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PlatformError, match="Address already in use"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(PlatformError, match=r"203\.0\.113\.1"):
        listen("203.0.113.1", 0)


def test_a_started_process_leads_a_session_of_its_own(tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    server = start(tmp_path / "no.mlem", listener, LABEL, tmp_path / "log")
    listener.close()
    assert os.getsid(server.pid) == server.pid
    psutil.Process(server.pid).wait(30)
    assert "no.mlem" in (tmp_path / "log").read_text()


def test_a_started_process_is_found_at_once(tmp_path: Path) -> None:
    log = tmp_path / LABEL.lineage / LOG_FILE
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        for _ in range(20):
            server = start(tmp_path / "no.mlem", listener, LABEL, log)
            found = lookup(server.pid, server.started)
            stop([server], timeout_s=0)
            assert found == server


def test_what_has_ended_is_not_waited_for_when_its_parent_does_not_ask_for_it(log: IO[bytes]) -> None:
    arguments = [sys.executable, "-c", "input()", "--deployment", str(LABEL)]
    server = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, start_new_session=True)
    code = f"""
from mlem_provider_local.process import find, stop
stop(find({LABEL.lineage!r}), timeout_s=600)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert find(LABEL.lineage) == []
    assert psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE
    server.communicate()
