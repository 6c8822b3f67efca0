"""What the examples of public names begin with: the reference page says so too."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem import Context
from mlem.api import load_meta
from mlem.testing import Project
from mlem.testing.fake import FakeDeployment, FakeEnv


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """Return the context of a run of the deployment `app`, whose model is a saved function `predict` that doubles."""
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    location = project.folder / "double.mlem"
    return Context("app", "0f" * 16, FakeDeployment(), FakeEnv(), load_meta(location))
