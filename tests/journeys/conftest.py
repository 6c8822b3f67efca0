"""A project with a real scikit-learn model, and the command line as a subprocess."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3_servers

from mlem import api
from mlem.testing import Project

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X)
mlem.api.save(LogisticRegression(max_iter=1000, C=0.001).fit(X, y), "iris-v2", sample_data=X)
X.iloc[[0, 60, 120]].to_csv("new.csv", index=False)
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project.make(tmp_path_factory.mktemp("trained"))
    done = project.python("-c", TRAIN)
    assert done.returncode == 0, done.stderr
    return project.folder


@pytest.fixture
def project(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Project.make(tmp_path / "project")
    for path in trained.iterdir():
        if path.name != ".mlem.yaml":
            (made.folder / path.name).write_bytes(path.read_bytes())
    yield made
    made.expect_done_as_said()
    for name, _ in api.deployments(str(made.folder)):
        made.mlem("deployment", "remove", name)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        with s3_servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as running:
            s3_servers.make_bucket(running, "states")
            yield running
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
