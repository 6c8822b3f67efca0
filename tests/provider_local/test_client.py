"""The client of our own servers passes the conformance kit for clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlem import Client
from mlem.provider import HttpClient
from mlem.testing import ClientSuite, Project


class TestHttpClient(ClientSuite):
    @pytest.fixture(autouse=True)
    def _own_state(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    @contextmanager
    def served(self, project: Project) -> Iterator[Client]:
        done = project.run("local", "app", "double")
        assert done.returncode == 0, done.stderr
        handle = project.handle("app")
        try:
            yield handle.get_client()
        finally:
            handle.remove()

    def unreachable(self) -> Client:
        return HttpClient(url="http://127.0.0.1:9")
