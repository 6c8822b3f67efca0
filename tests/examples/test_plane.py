"""The example model type and data type pass the conformance kit, as a stranger's would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlem_plane.plane import Nearest, Points

from mlem.testing import DataTypeSuite, ModelTypeSuite, Project

POINTS = [[0.0, 0.0], [1.0, 1.0], [8.0, 9.0], [9.0, 8.0]]
AGAIN = """
import mlem.api
from mlem_plane.plane import Points

mlem.api.save(mlem.api.load("nearest"), "nearest", sample_data=Points([[0, 0], [9, 9]]))
"""
LABELS = ["low", "low", "high", "high"]


class TestPoints(DataTypeSuite):
    type = "plane_points"
    rows = 4

    def value(self) -> Any:
        return Points(POINTS)

    def plain(self, value: Any) -> Any:
        return value.array.tolist()


class TestNearest(ModelTypeSuite):
    type = "plane_nearest"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return Nearest().fit(Points(POINTS), LABELS), Points(POINTS)


def test_it_is_deployed_and_its_files_are_imported(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    (project.folder / "model.plane").write_text(json.dumps({"low": [0.5, 0.5], "high": [8.5, 8.5]}))
    (project.folder / "points.json").write_text(json.dumps(POINTS))
    done = project.mlem("import", "model.plane", "nearest")
    assert done.returncode == 0, done.stderr
    (project.folder / "again.py").write_text(AGAIN)
    assert project.python("-W", "ignore", "again.py").returncode == 0
    try:
        done = project.mlem("deployment", "run", "local", "app", "--model", "nearest")
        assert done.returncode == 0, done.stderr
        assert project.json("deployment", "apply", "app", "points.json") == LABELS
        client = project.handle("app").get_client()
        assert client.predict(Points(POINTS)) == LABELS
    finally:
        project.mlem("deployment", "remove", "app")
