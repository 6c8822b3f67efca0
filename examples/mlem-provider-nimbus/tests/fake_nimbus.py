"""Nimbus on this machine: its API, and services that are processes; what the tests deploy to."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-fake-3f1c"


@dataclass
class Service:
    """A service and its process."""

    label: str
    bundle: str
    size: int
    variables: dict[str, str]
    url: str = ""
    log: Path = Path()
    process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def described(self) -> dict[str, Any]:
        names = ("label", "bundle", "size", "variables", "url", "running")
        return {name: getattr(self, name) for name in names}


@dataclass
class FakeNimbus:
    """What is on the platform: bundles by (id, label), services by name."""

    folder: Path
    bundles: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def upload(self, id_: str, label: str, content: bytes) -> None:
        if id_ not in self.bundles:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(self.folder / id_, filter="data")
            self.bundles[id_] = label

    def delete_bundle(self, id_: str) -> None:
        del self.bundles[id_]
        shutil.rmtree(self.folder / id_)

    def put(self, name: str, wanted: dict[str, Any]) -> Service:
        if wanted["bundle"] not in self.bundles:
            raise KeyError(wanted["bundle"])
        before = self.services.get(name)
        service = Service(**wanted, log=self.folder / f"{name}.log")
        self.services[name] = service
        if before is not None:
            self.stop(before)
        self.start(service)
        return service

    def start(self, service: Service) -> None:
        """Start a server on a port of its own; the listening socket is handed over, so that nobody else gets it."""
        with socket.create_server(("127.0.0.1", 0)) as listener, service.log.open("ab") as log:
            service.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            service.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlem_server", str(self.folder / service.bundle / "model.mlem")]
                + ["--fd", str(listener.fileno())],
                env={**_plain_environment(), **service.variables},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self, service: Service) -> None:
        if service.process is not None:
            service.process.terminate()
            service.process.wait(30)

    def delete(self, name: str) -> None:
        self.stop(self.services.pop(name))

    def close(self) -> None:
        for name in list(self.services):
            self.delete(name)


def _plain_environment() -> dict[str, str]:
    """The platform's own environment: nothing of whoever deploys."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "HOME", "TMPDIR")}


class Api(ThreadingHTTPServer):
    """The platform's API."""

    daemon_threads = True

    def __init__(self, platform: FakeNimbus) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.platform = platform
        self.broken: str | None = None
        self.mended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.broken == "error":
            self._answer(503, {"message": "an outage"})
            return
        if self.server.broken is not None:
            self.server.mended.wait(1.0 if self.server.broken == "slow" else None)
        if self.server.broken == "silent":
            self.close_connection = True
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"message": "nobody knows this token"})
            return
        parts = urlsplit(self.path)
        words, query = parts.path.strip("/").split("/")[1:], parse_qs(parts.query)
        with self.server.platform.lock:
            try:
                self._answer(200, self._done(self.command, words, query, body))
            except KeyError as error:
                self._answer(404, {"message": f"there is no {error}"})

    do_GET = do_PUT = do_POST = do_DELETE = _serve

    def _done(self, method: str, words: list[str], query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        platform, (kind, *names) = self.server.platform, words
        if kind == "account":
            return {"name": "somebody"}
        if kind == "bundles" and not names:
            return {"ids": [id_ for id_, label in platform.bundles.items() if label == query["label"][0]]}
        name = names[0]
        if kind == "bundles":
            if method == "PUT":
                platform.upload(name, query["label"][0], body)
            elif method == "DELETE":
                platform.delete_bundle(name)
            return {"label": platform.bundles[name]} if method != "DELETE" else {}
        if method == "PUT":
            return platform.put(name, json.loads(body)).described()
        service = platform.services[name]
        if names[1:] == ["log"]:
            lines = service.log.read_text(errors="replace").splitlines()
            return {"lines": lines[int(query["after"][0]) :], "running": service.running}
        if method == "DELETE":
            platform.delete(name)
            return {}
        if names[1:] == ["restart"]:
            platform.stop(service)
            platform.start(service)
        return service.described()

    def _answer(self, status: int, found: dict[str, Any]) -> None:
        content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
