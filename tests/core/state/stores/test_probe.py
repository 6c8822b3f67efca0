"""The probe refuses every store that can't exclude two writers, and says how it found out."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mlem.deployments.resolving.resolve import configured_manager
from mlem.deployments.shared_state import concerns_store, configured_store, set_store
from mlem.project.config import load_config
from mlem.project.project import init_project
from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.stores.fsspec import FsspecStateManager
from mlem.state.stores.leased import LeasedStateManager
from mlem.state.stores.probe import probe
from mlem.testing.stores.memory import MemoryStore
from mlem_model.errors import ConflictError, DeclarationError, PlatformError, PluginError, StateUnknownError, UserError


class Broken(MemoryStore):
    """A store with one fault of those that are met in the wild."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.old: Versioned | None = None

    def read(self, name: str) -> Versioned | None:
        if self.fault == "stale reads" and self.old is not None:
            return self.old
        self.old = self.values.get(name)
        return self.old

    def write(self, name: str, data: bytes, expect: str) -> str:
        current = self.values.get(name)
        version = current.version if current else ABSENT
        if self.fault == "silent" or (self.fault == "flaky" and len(self.calls) == 0):
            self.calls.append("write")
            raise StateUnknownError("no answer")
        if self.fault == "picky" and expect != ABSENT:
            raise ConflictError("no")
        ignored = {"ignores absence": expect == ABSENT, "ignores versions": expect != ABSENT, "ignores all": True}
        return super().write(name, data, version if ignored.get(self.fault) else expect)

    def delete(self, name: str, expect: str) -> None:
        current = self.values.get(name)
        super().delete(name, current.version if current and self.fault == "deletes anything" else expect)


class BrokenManager(LeasedStateManager):
    type: ClassVar[str] = "broken"

    def open_store(self, root: Path) -> Store:
        return Broken(self.uri)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("ignores absence", "creates what is there already"),
        ("ignores all", "creates what is there already"),
        ("ignores versions", "replaces a version that is not the newest"),
        ("deletes anything", "deletes a version that is not the newest"),
        ("picky", "refuses what it should accept"),
    ],
)
def test_a_store_that_can_not_exclude_two_writers_is_refused(tmp_path: Path, fault: str, words: str) -> None:
    with pytest.raises(PlatformError, match=words) as caught:
        probe(BrokenManager(uri=fault), tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("unsafe-store", 7)


def test_a_store_that_does_not_answer_is_not_called_unsafe(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="no answer") as caught:
        probe(BrokenManager(uri="silent"), tmp_path)
    assert caught.value.code == "store-unavailable"


@pytest.mark.parametrize("uri", ["right", "flaky"])
def test_a_right_store_is_accepted_and_left_clean(tmp_path: Path, uri: str) -> None:
    manager = BrokenManager(uri=uri)
    assert probe(manager, tmp_path) is manager


def test_files_and_memory_pass_and_nothing_is_left(tmp_path: Path) -> None:
    manager = FsspecStateManager(uri=(tmp_path / "states").as_uri())
    probe(manager, tmp_path, races=3)
    assert list(manager.store(tmp_path).names()) == []
    assert [path for path in tmp_path.rglob("*") if "probe" in path.name] == []
    probe(FsspecStateManager(uri="memory://probe"), tmp_path, races=3)
    assert MemoryFileSystem().find("/probe") == []


def test_a_setting_is_written_once_the_store_has_passed(tmp_path: Path) -> None:
    init_project(tmp_path)
    uri = (tmp_path / "states").as_uri()
    assert set_store(tmp_path, "core.state.uri", uri).value == uri
    assert load_config(tmp_path).core.state.uri == uri


def test_a_file_system_that_is_not_known_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    init_project(tmp_path)
    with pytest.raises(PluginError, match="not known to create files exclusively") as caught:
        set_store(tmp_path, "core.state.uri", "dir::file:///tmp")
    assert caught.value.code in ("unsafe-store", "unknown-scheme")
    assert load_config(tmp_path).core.state.uri is None


def test_a_scheme_that_nobody_handles_names_the_package(tmp_path: Path) -> None:
    init_project(tmp_path)
    with pytest.raises(PluginError, match="redis://cache") as caught:
        set_store(tmp_path, "core.state.uri", "redis://cache")
    assert (caught.value.exit_code, caught.value.hint) == (3, "pip install mlem-state-redis")


def test_how_to_reach_a_store_waits_for_the_choice_of_one(tmp_path: Path) -> None:
    init_project(tmp_path)
    assert set_store(tmp_path, "core.state.ttl_s", "5").value == 5
    assert configured_store(tmp_path).type == "local"
    with pytest.raises(UserError, match="tll_s") as caught:
        set_store(tmp_path, "core.state.tll_s", "5")
    assert (caught.value.code, "core.state.ttl_s" in caught.value.known) == ("unknown-setting", True)
    with pytest.raises(PluginError):
        set_store(tmp_path, "core.state.uri", "redis://cache")
    assert configured_store(tmp_path).type == "local"
    uri = (tmp_path / "states").as_uri()
    moved = configured_manager(load_config(tmp_path), {"uri": uri})
    assert (moved.model_dump()["ttl_s"], configured_manager(load_config(tmp_path), {"type": "local"}).type) == (
        5,
        "local",
    )
    set_store(tmp_path, "core.state.uri", uri)
    assert configured_store(tmp_path).model_dump()["ttl_s"] == 5


def test_an_unknown_setting_of_the_store_is_refused(tmp_path: Path) -> None:
    init_project(tmp_path)
    set_store(tmp_path, "core.state.uri", (tmp_path / "states").as_uri())
    with pytest.raises(DeclarationError, match=r"core\.state\.tll_s: unknown field"):
        set_store(tmp_path, "core.state.tll_s", "5")


def test_the_time_to_wait_for_a_lock_has_nothing_to_do_with_the_store() -> None:
    assert [concerns_store(key) for key in ("core.state.lock_timeout_s", "core.state.uri", "project.id")] == [
        False,
        True,
        False,
    ]


def test_an_unsafe_store_is_accepted_by_request_and_every_run_says_so(tmp_path: Path) -> None:
    init_project(tmp_path)
    uri = (tmp_path / "states").as_uri()
    set_store(tmp_path, "core.state.uri", uri, unsafe=True)
    manager = configured_store(tmp_path)
    assert manager.warning(manager.store(tmp_path), "app") == (
        f"{uri}/.mlem.state/app.mlem.state: this store can't exclude two writers (core.state.unsafe is set)"
    )
