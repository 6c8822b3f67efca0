"""Engines elsewhere: over TLS, over ssh, and one whose disk is full."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlem import CredentialsError, Streams, UserError
from mlem.testing import Project
from mlem_provider_docker.api.commands import run_command
from mlem_provider_docker.api.sdk import Engine, connect
from mlem_provider_docker.env import DockerEnv

DISK_MIB = 400


@pytest.fixture
def full(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """A second Engine, real, with the base image and next to no space.

    In a network of its own, so that it leaves ours alone.
    """
    if os.geteuid() or shutil.which("dockerd", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("a second Engine takes root and dockerd")
    # Sockets have short paths, and a test's folder under a second pytest is too deep for those of containerd.
    home = Path(tempfile.mkdtemp(prefix="mlem-", dir="/tmp"))
    data, path = home / "data", home / "docker.sock"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(data)], check=True)
    command = [
        *("unshare", "--net", "dockerd", "--data-root", str(data), "--exec-root", str(home / "exec")),
        *(
            "--pidfile",
            str(home / "pid"),
            "--bridge",
            "none",
            "--iptables=false",
            "--ip-masq=false",
            "--host",
            f"unix://{path}",
        ),
    ]
    with (tmp_path / "log").open("wb") as log:
        variables = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=variables)
    try:
        deadline = time.monotonic() + 60
        while not _answers(path):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        _copy_base(engine, connect(DockerEnv(host=f"unix://{path}").endpoint()))
        free = shutil.disk_usage(data).free
        (data / "filler").write_bytes(bytes(free - 2**16))
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(60)
        subprocess.run(["umount", "--recursive", "--lazy", str(data)], check=False)
        shutil.rmtree(home, ignore_errors=True)


def _copy_base(source: Engine, target: Engine) -> None:
    id_ = source.create("python:3.11-slim", f"mlem-test-export-{os.getpid()}", {"command": ["true"]})
    try:
        target.api.import_image_from_data(source.api.export(id_), repository="python", tag="3.11-slim")
    finally:
        source.remove_container(id_)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in client.recv(64)
        except OSError:
            return False


def _certificates(folder: Path) -> Path:
    """Make a CA, a server's certificate and a client's.

    See https://docs.docker.com/engine/security/protect-access/.
    """
    client = folder / "client"
    client.mkdir(parents=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test-ca",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    )
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(extension)
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
        )
        signed = [
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            f"{name}.ext",
            "-out",
            f"{name}.pem",
        ]
        openssl("x509", "-req", "-in", f"{name}.csr", *signed)
    for source, target in (("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client.key", "key.pem")):
        shutil.copyfile(folder / source, client / target)
    return client


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def with_tls(engine: Engine, certificates: Path) -> Iterator[str]:
    """The Engine's socket behind TLS that asks for a client's certificate, as ``dockerd --tlsverify`` does."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.parent / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.parent / "server.pem", certificates.parent / "server.key")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as client,
                socket.socket(socket.AF_UNIX) as behind,
            ):
                behind.connect("/var/run/docker.sock")
                back = threading.Thread(target=_pour, args=(behind, client))
                back.start()
                _pour(client, behind)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_an_engine_with_tls_takes_our_certificates(with_tls: str, certificates: Path) -> None:
    made = connect(DockerEnv(host=with_tls, cert_path=certificates).endpoint())
    assert made.containers("nobody") == []
    made._client.close()


def test_no_proxy_is_between_us_and_the_engine(
    with_tls: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    made = connect(DockerEnv(host=with_tls, cert_path=certificates).endpoint())
    assert made.containers("nobody") == []
    made._client.close()


@pytest.mark.parametrize("half", ["client", "engine"])
def test_who_is_not_certified_is_not_believed(with_tls: str, certificates: Path, tmp_path: Path, half: str) -> None:
    strange = _certificates(tmp_path / "strange")
    if half == "client":
        shutil.copyfile(certificates / "ca.pem", strange / "ca.pem")
    with pytest.raises(CredentialsError) as caught:
        connect(DockerEnv(host=with_tls, cert_path=strange).endpoint())
    assert caught.value.code == "engine-tls"


def test_a_full_disk_is_named(full: str, plain: Project) -> None:
    done = plain.run("docker", "app", "double", ["--env.host", full])
    assert (done.returncode, "error[disk-full]" in done.stderr, "docker system df" in done.stderr) == (7, True, True), (
        done.stderr
    )
    assert plain.mlem("deployment", "remove", "app").returncode == 0


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ``ssh`` that runs on this machine what it is asked to run on the other; it notes who was asked for."""
    if shutil.which("docker") is None:
        pytest.skip("the other machine needs the docker command")
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "ssh"
    script.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "asked"


# In a process of its own: the SDK leaves the processes of its connections to the end of the program.
CONNECT = """
import os
from mlem_model.errors import MlemError
from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.api.sdk import connect
before = dict(os.environ)
try:
    made = connect(DockerEnv(host="ssh://deploy@box").endpoint())
    print(made.containers("nobody"), made.endpoint.remote_name, dict(os.environ) == before)
except MlemError as error:
    print(error.exit_code, error.code, error.hint is not None)
"""


def _connect() -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CONNECT], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_an_engine_behind_ssh(engine: Engine, fake_ssh: Path) -> None:
    assert _connect() == "[] box True"
    assert fake_ssh.read_text().splitlines()[0] == "-l deploy -p 22 -- box docker system dial-stdio"


def test_an_engine_behind_an_ssh_that_fails(engine: Engine, fake_ssh: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "ssh").write_text("#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n")
    assert _connect() in ("7 engine-unreachable True", "6 engine-permission True")


def test_through_tls_a_command_runs_without_input(
    with_tls: str, certificates: Path, engine: Engine, container: str
) -> None:
    made = connect(DockerEnv(host=with_tls, cert_path=certificates).endpoint())
    streams = Streams(None, io.BytesIO(), io.BytesIO())
    assert run_command(made, container, ["sh", "-c", "cat; echo out; echo err >&2; exit 4"], streams) == 4
    assert [one.getvalue() for one in (streams.stdout, streams.stderr)] == [b"out\n", b"err\n"]
    with pytest.raises(UserError) as caught:
        run_command(made, container, ["cat"], Streams(io.BytesIO(b"in"), io.BytesIO(), io.BytesIO()))
    assert caught.value.code == "no-input"
    made._client.close()


# In a process of its own: the SDK leaves the processes of its connections to the end of the program.
BY_SSH = """
import sys
from mlem import Streams
from mlem_provider_docker.api.commands import run_command
from mlem_provider_docker.api.sdk import connect
from mlem_provider_docker.env import DockerEnv
made = connect(DockerEnv(host="ssh://deploy@box").endpoint())
streams = Streams(sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer)
sys.exit(run_command(made, sys.argv[1], ["sh", "-c", "cat; echo err >&2; exit 4"], streams))
"""


def test_through_ssh_a_command_has_its_input_to_the_end(engine: Engine, container: str, fake_ssh: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BY_SSH, container],
        input="in\n" * 50_000,
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert (done.returncode, len(done.stdout), done.stderr) == (4, 150_000, "err\n")
