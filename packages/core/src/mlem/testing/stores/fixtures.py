"""`StateManagerFixtures`: a state manager, its store, and processes that work on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.state.manager import StateManager, Store
from mlem.testing.standard import Suite

LINEAGE = "a" * 32


class StateManagerFixtures(Suite, ABC):
    """What a state manager says about itself for the suites; a test class inherits from a suite and fills this in."""

    processes: ClassVar[bool] = True
    """Whether other processes see what this one writes."""
    many: ClassVar[int] = 1000
    """How many names are listed; fewer where each one takes a request."""

    @abstractmethod
    def manager(self, tmp_path: Path) -> StateManager:
        """Return a state manager over an empty place; the same one each time within a test."""

    def environment(self) -> Mapping[str, str]:
        """Return environment variables for other processes."""
        return {}

    @pytest.fixture
    def managed(self, tmp_path: Path) -> StateManager:
        """The state manager."""
        return self.manager(tmp_path)

    @pytest.fixture
    def store(self, managed: StateManager, tmp_path: Path) -> Store:
        """Its store."""
        return managed.store(tmp_path)

    def worker(self, managed: StateManager, root: Path, **task: Any) -> subprocess.Popen[str]:
        """Start another process that works on the store; see `mlem.testing.history.worker`."""
        cls = type(managed)
        full = {
            "manager": f"{cls.__module__}:{cls.__qualname__}",
            "fields": managed.to_data(),
            "root": str(root),
            **task,
        }
        return subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "mlem.testing.history.worker", json.dumps(full)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment()},
        )

    def finished(self, workers: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
        """Wait for workers and return what they report."""
        reports = []
        for worker in workers:
            output, _ = worker.communicate(timeout=300)
            assert worker.returncode == 0, output
            reports.append(json.loads(output.splitlines()[-1]))
        return reports
