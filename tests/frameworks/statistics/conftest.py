"""What the tests of statistics share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.testing import Project


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return project
