"""Runs the kit on every mutant of a group, and on what is sound; ``test_mutants`` reads the result."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import every
import pytest
from careless_stores import CarelessManager
from fixtures import PaperFixtures
from mlem_plane.plane import Nearest, Points
from mlem_provider_paper.deployment import PaperClient
from mlem_provider_paper.platform import HOME, KEY, Paper
from mutant import Mutant

import mlem.testing as kit
from mlem import Client, PlatformError
from mlem.provider import copy_model
from mlem.testing import crash

POINTS = [[0.0, 0.0], [1.0, 1.0], [8.0, 9.0], [9.0, 8.0]]
DEPLOYMENTS = ("LifeCycle", "EveryDay", "Operation", "CrashSafety", "Declaration", "Neighbour", "Failure", "Log")


OF_PLANE = pytest.mark.filterwarnings("ignore:the model needs the module mlem_plane")


@OF_PLANE
class Plane(kit.ModelTypeSuite):
    type = "plane_nearest"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return Nearest().fit(Points(POINTS), ["low", "low", "high", "high"]), Points(POINTS)


@OF_PLANE
class PlanePoints(kit.DataTypeSuite):
    type = "plane_points"
    rows = 4

    def value(self) -> Any:
        return Points(POINTS)

    def plain(self, value: Any) -> Any:
        return value.array.tolist()


class Stores(kit.StateManagerFixtures):
    many = 200

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def manager(self, tmp_path: Path) -> CarelessManager:
        ttl_s = 60 if os.environ.get("MUTANT") == "waits for the dead" else 3
        return CarelessManager(uri=str(tmp_path / "states"), kind="RightStore", ttl_s=ttl_s)


class Calls(kit.ClientSuite):
    @contextmanager
    def served(self, project: kit.Project) -> Iterator[Client]:
        home = project.folder.parent / "platform"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(HOME, str(home))
            patch.setenv(KEY, "key-of-the-tests")
            copy_model(kit_model(project), home / "images" / "double")
            Paper().start("ours", image="double")
            yield PaperClient(service="ours")

    def unreachable(self) -> Client:
        return Unreachable(service="nobody")


class Unreachable(PaperClient):
    """A client of nothing: there is no platform."""

    def loaded(self) -> Any:
        try:
            return super().loaded()
        except KeyError as error:
            raise PlatformError("there is no platform") from error


def kit_model(project: kit.Project) -> Any:
    from mlem import api

    return api.load_meta("double", project=str(project.folder))


class Bundles(kit.BuilderSuite):
    type = "paper_bundle"

    def fields(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"target": tmp_path / "bundle"}

    def content(self, tmp_path: Path) -> Any:
        found = {path.name: path.read_bytes() for path in (tmp_path / "bundle").glob("*") if path.is_file()}
        return found or None


class Sound(kit.PackagingSuite):
    distribution = "mlem-provider-paper"


class Careless(kit.PackagingSuite):
    distribution = "mlem-careless"
    sdk = ("numpy",)


class Lost(kit.PackagingSuite):
    distribution = "mlem-lost"


OF_DEPLOYMENTS = tuple(getattr(kit, f"{name}Suite") for name in DEPLOYMENTS)
BASES: dict[str, tuple[type, ...]] = {
    **{suite.__name__: (PaperFixtures, suite) for suite in OF_DEPLOYMENTS},
    "ModelTypeSuite": (Plane,),
    "DataTypeSuite": (PlanePoints,),
    "StoreSuite": (Stores, kit.StoreSuite),
    "StateManagerSuite": (Stores, kit.StateManagerSuite),
    "ClientSuite": (Calls,),
    "BuilderSuite": (Bundles,),
}
GROUP = os.environ["MUTANTS"]
"""The group to run: its mutants, and what is sound of it."""


class Broken:
    """Breaks what its test class names, as long as a test runs."""

    mutant: Mutant
    patience_s = 5.0

    @pytest.fixture(autouse=True)
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crash, "_EVERY", self.mutant.every)
        monkeypatch.setenv("MUTANT", self.mutant.name)
        self.mutant.patch(monkeypatch)


for number, mutant in enumerate(every.mutants_of(GROUP)):
    for suite in sorted({test.partition(".")[0] for test in mutant.tests}):
        name = f"TestMutant{number}_{suite}"
        globals()[name] = type(name, (Broken, *BASES[suite]), {"mutant": mutant, "__module__": __name__})
for suite in every.GROUPS[GROUP]:
    globals()[f"TestSound{suite}"] = type(f"TestSound{suite}", BASES[suite], {"__module__": __name__})
if GROUP == "kinds":
    TestSoundPackaging = type("TestSoundPackaging", (Sound,), {"__module__": __name__})
    TestCarelessPackaging = type("TestCarelessPackaging", (Careless,), {"__module__": __name__})
    TestLostPackaging = type("TestLostPackaging", (Lost,), {"__module__": __name__})
