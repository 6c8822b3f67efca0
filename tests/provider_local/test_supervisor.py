"""A local deployment has a supervisor.

Exit codes on record, another start where asked, a log of a bounded size, nothing orphaned.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_until

from mlem import NotFoundError, api
from mlem_provider_local.home.expiry import expired, forget_expiry, write_expiry
from mlem_provider_local.home.starts import NOT_KEPT, read_starts
from mlem_provider_local.log_file import LOG_FILE, LogWriter, names_of, read
from mlem_provider_local.process import find

MODEL = """
import mlem.api
def predict(how: str) -> str:
    import ctypes, os, subprocess
    if how == "crash":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(5)
    if how == "child":
        return str(subprocess.Popen(["sleep", "1000"]).pid)
    if how.startswith("say "):
        print("x" * 1000 * int(how[4:]), flush=True)
        print("said", flush=True)
    return how
mlem.api.init(".")
mlem.api.save(predict, "teller", sample_data="well")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    subprocess.run([sys.executable, "-c", MODEL], cwd=folder, check=True)
    return folder


@pytest.fixture
def deploy(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made: list[Any] = []
    name = "a" + str(abs(hash(request.node.name)))

    def start(**fields: Any) -> Any:
        made.append(api.deploy("local", name, model="teller", project=folder, **fields))
        return made[-1]

    yield start
    for handle in made[-1:]:
        handle.remove()


def process_of(handle: Any) -> psutil.Process:
    return psutil.Process(handle.state().records["process"]["pid"])


def server_of(handle: Any) -> psutil.Process:
    (server,) = process_of(handle).children()
    return server


def ask(handle: Any, how: str) -> str:
    data = json.dumps({"how": how}).encode()
    call = urllib.request.Request(
        handle.state().records["process"]["url"] + "/predict", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=60) as answer:  # our own server
        return str(json.load(answer))


def status(handle: Any) -> tuple[str, str]:
    found = handle.status()
    return str(found.phase), found.reason


@pytest.mark.parametrize(("how", "reason"), [("exit", "exit code 5"), ("crash", "SIGSEGV")])
def test_status_says_how_the_server_ended(deploy: Callable[..., Any], how: str, reason: str) -> None:
    handle = deploy()
    with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
        ask(handle, how)
    assert wait_until(lambda: status(handle) if status(handle)[0] == "crashed" else None) == ("crashed", reason)
    if how == "crash":
        assert any("Segmentation fault" in line for line in handle.logs())
        assert any("the server was ended by SIGSEGV" in line for line in handle.logs())


def test_a_server_that_fails_is_started_again_where_that_is_asked_for(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="on-failure")
    before, url = process_of(handle).pid, handle.state().records["process"]["url"]
    with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
        ask(handle, "crash")
    wait_until(lambda: status(handle) == ("running", ""))  # until then it is starting: the port is never closed
    assert ask(handle, "well") == "well"
    assert (process_of(handle).pid, handle.state().records["process"]["url"]) == (before, url)
    server_of(handle).terminate()  # ended as asked: exit code 0
    assert wait_until(lambda: status(handle) if status(handle)[0] == "crashed" else None) == ("crashed", "exit code 0")


def test_always_is_always_and_another_word_puts_another_server_in_place(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="always")
    first = server_of(handle).pid
    server_of(handle).terminate()
    wait_until(lambda: [child.pid for child in process_of(handle).children() if child.pid != first])
    wait_until(lambda: status(handle) == ("running", ""))
    before = process_of(handle).pid
    handle = deploy(restart="no")
    assert process_of(handle).pid != before
    assert [change.action for change in handle.plan()] == ["keep", "keep"]


def test_what_another_start_would_not_help_is_not_started_again(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="always")
    (model,) = Path(handle.state().records["process"]["home"]).rglob("model.mlem")
    model.unlink()
    server_of(handle).kill()
    assert wait_until(lambda: status(handle) if status(handle)[0] == "crashed" else None) == (
        "crashed",
        "exit code 3: something is missing",
    )


def test_removing_ends_what_the_model_has_started_too(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="always")
    child = psutil.Process(int(ask(handle, "child")))
    family = [process_of(handle), *process_of(handle).children(recursive=True)]
    assert child in family
    handle.remove()
    _, alive = psutil.wait_procs(family, 30)
    assert alive == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_server_outlives_a_supervisor_that_is_killed(
    deploy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("MLEM_SERVER_WORKERS", workers)
    handle = deploy(restart="always")
    first = server_of(handle)
    first.kill()
    first.wait(60)
    wait_until(lambda: status(handle) == ("running", ""))
    family = process_of(handle).children(recursive=True)
    pid = process_of(handle).pid
    process_of(handle).kill()
    wait_until(lambda: status(handle) == ("crashed", f"process {pid} is gone"))
    _, alive = psutil.wait_procs(family, 60)
    assert alive == []


def test_a_server_whose_supervisor_was_killed_is_known_until_it_has_ended(deploy: Callable[..., Any]) -> None:
    handle = deploy()
    server = server_of(handle)
    server.suspend()  # it can't notice
    supervisor = process_of(handle)
    supervisor.kill()
    supervisor.wait(60)  # a signal takes its time
    lineage = handle.state().lineage
    assert wait_until(lambda: [(found.pid, found.orphan) for found in find(lineage)]) == [(server.pid, True)]
    handle.remove()
    assert find(lineage) == []
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_hangup_reopens_the_log_and_ends_nothing(deploy: Callable[..., Any]) -> None:
    handle = deploy()
    log = Path(handle.state().records["process"]["home"]) / LOG_FILE
    log.rename(log.with_name("by-logrotate"))
    server = server_of(handle).pid
    process_of(handle).send_signal(signal.SIGHUP)
    wait_until(log.exists)
    ask(handle, "say 1")
    wait_until(lambda: "said" in log.read_text())
    assert server_of(handle).pid == server
    assert str(handle.status().phase) == "running"
    assert [found.pid for found in find(handle.state().lineage)] == [process_of(handle).pid]


def test_the_log_keeps_its_size_and_is_followed_over_its_files(deploy: Callable[..., Any]) -> None:
    handle = deploy()
    log = Path(handle.state().records["process"]["home"]) / LOG_FILE
    lines = handle.logs(follow=True)
    assert "listening" in next(lines)
    for _ in range(5):
        ask(handle, "say 8000")
        while next(lines) != "said":
            pass
    assert [path.exists() for path in names_of(log)] == [True] * 3
    assert all(path.stat().st_size < 11 * 2**20 for path in names_of(log))
    assert sorted(path.name for path in log.parent.glob("*.log*")) == ["server.log", "server.log.1", "server.log.2"]
    assert [found.pid for found in find(handle.state().lineage)] == [process_of(handle).pid]
    assert list(handle.logs(tail=1)) == ["said"]
    lines.close()


def test_every_line_is_in_the_log_once(tmp_path: Path) -> None:
    path = tmp_path / LOG_FILE
    code = "import sys; from mlem_provider_local.log_file import LogWriter; writer = LogWriter(1000, 3)\n"
    code += "for n in range(2000): writer.write(b'line %d\\n' % n)"
    with path.open("ab") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, stderr=log, check=True)
    found = list(read(path, tail=None, follow=None))
    assert found == [f"line {number}" for number in range(2000 - len(found), 2000)]
    assert 150 < len(found) < 350
    assert list(read(path, tail=150, follow=None)) == found[-150:]


def test_a_log_that_is_no_file_of_ours_is_not_put_aside() -> None:
    code = (
        "import os; from mlem_provider_local.log_file import LogWriter; LogWriter(10).write(b'x' * 100); "
        "assert LogWriter().path is None"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout == b"x" * 100


def test_the_numbers_are_those_that_the_readme_names() -> None:
    assert os.path.basename(LOG_FILE) == "server.log"
    assert LogWriter.__init__.__defaults__ == (10 * 2**20, 3)


def test_the_log_of_the_server_before_is_told_from_the_present_ones(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="on-failure")
    with pytest.raises(NotFoundError, match="this is the first server"):
        list(handle.logs(previous=True))
    ask(handle, "say 1")
    with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
        ask(handle, "crash")
    wait_until(lambda: status(handle) == ("running", ""))
    previous = list(handle.logs(previous=True))
    everything = list(handle.logs())
    assert everything[: len(previous)] == previous
    assert ("listening" in previous[0], "said" in previous, "SIGSEGV" in previous[-1]) == (True, True, True)
    assert "listening" in everything[len(previous)]
    handle.restart()
    assert (list(handle.logs(previous=True)) == everything[len(previous) :]) is False  # it has said how it ended
    assert list(handle.logs(previous=True))[: len(everything) - len(previous)] == everything[len(previous) :]


def test_the_log_before_is_read_over_files_and_known_to_be_gone(deploy: Callable[..., Any]) -> None:
    handle = deploy()
    ask(handle, "say 8000")
    handle.restart()
    ask(handle, "say 8000")  # the first server's lines are in the file before now
    previous = list(handle.logs(previous=True))
    assert ("listening" in previous[0], previous.count("said")) == (True, 1)
    for _ in range(4):
        ask(handle, "say 8000")
    log = Path(handle.state().records["process"]["home"]) / LOG_FILE
    wait_until(lambda: read_starts(log.parent)[-1] == NOT_KEPT)
    with pytest.raises(NotFoundError, match="is not kept any more") as caught:
        list(handle.logs(previous=True))
    assert (caught.value.exit_code, caught.value.code) == (3, "no-previous-log")


def test_what_has_expired_stops_with_all_that_the_model_has_started(deploy: Callable[..., Any]) -> None:
    handle = deploy(restart="always", ttl="1h")
    child = psutil.Process(int(ask(handle, "child")))
    family = [process_of(handle), *process_of(handle).children(recursive=True)]
    assert child in family
    home = Path(handle.state().records["process"]["home"])
    write_expiry(home, "2026-01-01T00:00:00Z")
    _, alive = psutil.wait_procs(family, 60)
    assert (alive, status(handle)[0], "expired at 2026-01-01T00:00:00Z" in status(handle)[1]) == ([], "stopped", True)
    assert any("the deployment expired at 2026-01-01T00:00:00Z" in line for line in handle.logs())
    assert handle.restart().number == 1, "a time that is over does not end what is started after it"
    assert status(handle) == ("running", "")
    pid = process_of(handle).pid
    handle = deploy(ttl=None)
    assert (process_of(handle).pid, (home / "expires").exists()) == (pid, False), "a run without a time takes it away"


def test_what_is_restarted_though_its_time_is_over_goes_on_until_it_is_removed(deploy: Callable[..., Any]) -> None:
    handle = deploy(ttl="1s")
    assert "expired" in handle.wait("stopped").reason
    handle.restart()
    home = Path(handle.state().records["process"]["home"])
    assert (status(handle), (home / "expires").exists()) == (("running", ""), False)


@pytest.mark.parametrize("content", ["", "soon", "2026-01-01T00:00:00", "\x00", "9999-12-31T00:00:00Z"])
def test_a_time_that_is_none_ends_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "expires").write_text(content)
    assert expired(tmp_path) is None
    forget_expiry(tmp_path)
    assert (tmp_path / "expires").read_text() == content


def test_a_command_has_the_servers_folder_variables_and_python(
    deploy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLD_AT_THE_RUN", "yes")
    handle = deploy()
    monkeypatch.delenv("TOLD_AT_THE_RUN")
    program = "import os, sys; print(sys.executable, os.getcwd(), os.environ['TOLD_AT_THE_RUN'])"
    output = io.BytesIO()
    assert handle.exec(["python", "-c", program], stdout=output) == 0
    assert output.getvalue().decode().split() == [sys.executable, os.getcwd(), "yes"]
    process_of(handle).kill()
    process_of(handle).wait(60)
    wait_until(lambda: status(handle)[0] == "crashed")
    with pytest.raises(NotFoundError) as caught:
        handle.exec(["true"])
    assert caught.value.code == "not-running"
