"""Other commands that remove images at the same time.

The Engine is one that speaks its API, and fails as a real one does then.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlem import PlatformError, api
from mlem.testing import Project
from mlem_model.plugins.registry import registry
from mlem_provider_docker import EngineAddress, connect


class SpeakingEngine(ThreadingHTTPServer):
    """Answers what a build asks; the first builds fail with the given texts."""

    def __init__(self, failures: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures = failures
        self.builds = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SpeakingEngine

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self._answer(200, {"ApiVersion": "1.41", "Version": "20.10.24"})
        elif self.server.builds and not self.server.failures:
            self._answer(200, {"Id": "sha256:" + "1" * 64, "Size": 1, "Config": {"Labels": {"mlem.lineage": "build"}}})
        else:
            self._answer(404, {"message": "No such image"})

    def do_POST(self) -> None:
        while size := int(self.rfile.readline(), 16):  # the context comes in chunks
            self.rfile.read(size + 2)
        self.rfile.readline()
        self.server.builds += 1
        failure = self.server.failures.pop(0) if self.server.failures else None
        self._answer(200, {"error": failure} if failure else {"stream": "Successfully built\n"})

    def do_DELETE(self) -> None:
        self._answer(500, {"message": "unrecognized image ID sha256:0123"})

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def speaking(request: pytest.FixtureRequest) -> Iterator[SpeakingEngine]:
    with SpeakingEngine(list(request.param)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def build(project: Project, server: SpeakingEngine, lines: list[str]) -> Any:
    env = {"host": f"tcp://127.0.0.1:{server.server_address[1]}"}
    builder = registry().get("builder", "docker").from_data({"image_name": "x", "env": env}, "the test")
    return builder.build(api.load_meta("double", str(project.folder)), lines.append)


GONE = 'unable to find image "sha256:0123"'


GONE_TOO = "failed to set parent sha256:0123: unknown parent image ID sha256:0123"
GONE_AT_ONCE = "unknown parent image ID sha256:0123"
GONE_SNAPSHOT = "failed to prepare extraction snapshot: parent snapshot sha256:0123 does not exist: not found"


@pytest.mark.parametrize("speaking", [[GONE, GONE_TOO], [GONE_AT_ONCE, GONE_SNAPSHOT]], indirect=True)
def test_a_build_that_lost_layers_to_other_commands_is_repeated(plain: Project, speaking: SpeakingEngine) -> None:
    lines: list[str] = []
    assert build(plain, speaking, lines)["size_bytes"] == 1
    assert speaking.builds == 3
    assert "another command removed a layer that this build used: building again" in lines


@pytest.mark.parametrize("speaking", [[GONE, GONE, GONE], ["exit code 1"]], indirect=True)
def test_any_other_failure_and_a_third_one_are_told(plain: Project, speaking: SpeakingEngine) -> None:
    with pytest.raises(PlatformError):
        build(plain, speaking, [])
    assert speaking.failures == []


@pytest.mark.parametrize("speaking", [[]], indirect=True)
def test_an_image_that_another_command_removes_at_the_same_moment_is_gone(speaking: SpeakingEngine) -> None:
    connect(EngineAddress(host=f"tcp://127.0.0.1:{speaking.server_address[1]}").endpoint()).remove_image("sha256:0123")
