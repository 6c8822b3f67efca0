"""A data type of somebody else: a model takes and answers its values, here and where it is deployed."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlem import api, hookimpl
from mlem.clients.sending import in_binary
from mlem.testing import Project
from mlem_model.data.formats.binary import NPY, dump, formats_of, load
from mlem_model.data.types.any import infer, parse_type
from mlem_model.errors import PluginError
from mlem_model.plugins.installed import installed_plugins
from mlem_model.plugins.registry import Plugin, Registry, registry, using

MODULE = '''
"""Points in the plane, and the plugin that says how they travel."""

from typing import ClassVar

import numpy as np

from mlem import AdaptedType, hookimpl, parse_type


class Points:
    def __init__(self, array):
        self.array = np.asarray(array, dtype="float64")

    def moved(self, by):
        return Points(self.array + by)


class PointsType(AdaptedType):
    type: ClassVar[str] = "points"

    @classmethod
    def of(cls, value, infer):
        return cls() if isinstance(value, Points) else None

    @property
    def wire(self):
        return parse_type({"type": "ndarray", "shape": [None, 2], "dtype": "float64"})

    def to_wire(self, value):
        return value.array if isinstance(value, Points) else value

    def from_wire(self, value):
        return Points(value)


@hookimpl
def mlem_data_types():
    return [PointsType]
'''
MODEL = """
from mlem import api
from mlem_plane import Points


def moved(points):
    return points.moved(1)


if __name__ == "__main__":
    api.save(moved, "moved", sample_data=Points([[1, 2], [3, 4], [5, 6]]))
"""
POINTS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the distribution ``mlem-plane``, as pip leaves one, which this process and others find."""
    site = tmp_path / "site"
    information = site / "mlem_plane-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "mlem_plane.py").write_text(MODULE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mlem-plane\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[mlem]\nplane = mlem_plane\n")
    (information / "RECORD").write_text("mlem_plane.py,,\nmlem_plane-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return site


def test_its_values_travel_and_are_joined(installed: Path) -> None:
    plane = importlib.import_module("mlem_plane")
    try:
        with using(Registry(installed_plugins())):
            found = infer({"all": plane.Points(POINTS)})
            assert found.model_dump()["items"] == {"all": {"type": "points"}}
            assert parse_type(found.model_dump(mode="json")) == found
            kind = infer(plane.Points(POINTS))
            assert kind.encode(plane.Points(POINTS)) == POINTS
            assert formats_of(kind)[0] == NPY
            back = load(kind, bytearray(dump(kind, plane.Points(POINTS), NPY)), NPY)
            assert (type(back), back.array.tolist()) == (plane.Points, POINTS)
            assert kind.rows(back) == 2
            assert kind.join([kind.part(back, 1, 2), back]).array.tolist() == [POINTS[1], *POINTS]
    finally:
        sys.modules.pop("mlem_plane", None)


def test_without_the_plugin_the_error_names_the_word() -> None:
    with pytest.raises(ValueError, match='no installed package has "points"'):
        parse_type({"type": "points"})
    assert "torch_tensor" in registry().all("data_type")


class Greedy:
    """A plugin whose type takes a word of ours, and one that is broken."""

    @hookimpl
    def mlem_data_types(self) -> list[Any]:
        from mlem import AdaptedType

        class Array(AdaptedType):
            """A stranger's array."""

            type = "ndarray"

            @classmethod
            def of(cls, value: Any, infer: Any) -> Any:
                raise RuntimeError("broken")

            @property
            def wire(self) -> Any:
                return parse_type({"type": "unspecified"})

            def to_wire(self, value: Any) -> Any:
                return value

            def from_wire(self, value: Any) -> Any:
                return value

        class Odd(Array):
            """One that raises."""

            type = "odd"

        return [Array, Odd, int]


def test_a_strangers_plugin_neither_takes_our_words_nor_ends_a_save(caplog: pytest.LogCaptureFixture) -> None:
    plugins = [*installed_plugins(), Plugin("greedy", "mlem-greedy 1.0", Greedy)]
    with using(Registry(plugins)):
        assert infer(np.zeros(2)).type == "ndarray"
        assert type(parse_type({"type": "ndarray", "shape": [None], "dtype": "int64"})).__module__.startswith("mlem_")
        with pytest.raises(Exception, match="expected a number"):
            infer(object())
        assert 'data type "odd"' in caplog.text
        with pytest.raises(PluginError):
            registry().get("data_type", "nothing")
        problems = [plugin.problem for plugin in registry().plugins() if plugin.name == "greedy"]
    assert problems == ["mlem_data_types: int is not a subclass of mlem.DataType"]


def test_a_deployment_finds_it_through_its_entry_point(installed: Path, tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    (project.folder / "train.py").write_text(MODEL)
    done = project.python("train.py")
    assert done.returncode == 0, done.stderr
    with using(Registry(installed_plugins())):
        model = api.load_meta("moved", project.folder)
    assert "mlem-plane" in [one.package_name.replace("_", "-") for one in model.requirements]
    try:
        done = project.mlem("deployment", "run", "local", "app", "--model", "moved")
        assert done.returncode == 0, done.stderr
        (project.folder / "points.json").write_text(str(POINTS))
        assert project.json("deployment", "apply", "app", "points.json") == [[2.0, 3.0], [4.0, 5.0]]
        np.save(project.folder / "points.npy", np.array(POINTS))
        done = project.mlem("deployment", "apply", "app", "points.npy", "-o", "answer.npy")
        assert done.returncode == 0, done.stderr
        assert np.load(project.folder / "answer.npy").tolist() == [[2.0, 3.0], [4.0, 5.0]]
        with using(Registry(installed_plugins())), project.handle("app").get_client() as client:
            many = importlib.import_module("mlem_plane").Points(POINTS * 200)
            sent = in_binary(client.interface.methods["predict"], {"points": many}, client.formats)
            assert (sent and sent.media_type, client.predict(many).array.tolist()) == (
                NPY,
                [[2.0, 3.0], [4.0, 5.0]] * 200,
            )
    finally:
        sys.modules.pop("mlem_plane", None)
        project.mlem("deployment", "remove", "app")
