"""Examples of the names that states and their stores are about; see `test_contracts.py`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from mlem import (
    ABSENT,
    ConflictError,
    Release,
    State,
    StateManager,
    StateUnknownError,
    Store,
    Versioned,
    hookimpl,
)
from mlem.provider import (
    STATE_EXTENSION,
    ErasingStore,
    LeasedStateManager,
)


class MemoryStore(Store):
    """Keeps states as long as the process runs."""

    def __init__(self) -> None:
        self.kept: dict[str, Versioned] = {}

    def where(self, name: str) -> str:
        return f"memory:{name}"

    def read(self, name: str) -> Versioned | None:
        return self.kept.get(name)

    def write(self, name: str, data: bytes, expect: str) -> str:
        self.expect(name, expect)
        self.kept[name] = Versioned(data, uuid.uuid4().hex)
        return self.kept[name].version

    def delete(self, name: str, expect: str) -> None:
        self.expect(name, expect)
        del self.kept[name]

    def names(self, prefix: str = "") -> Iterator[str]:
        yield from sorted(name for name in self.kept if name.startswith(prefix))

    def expect(self, name: str, version: str) -> None:
        found = self.kept[name].version if name in self.kept else ABSENT
        if found != version:
            raise ConflictError(f"{self.where(name)} was changed by somebody else since it was read")


def test_ABSENT_is_expected_where_a_name_is_to_be_created() -> None:
    store = MemoryStore()
    version = store.write("app", b"serial: 1", ABSENT)
    store.write("app", b"serial: 2", version)
    with pytest.raises(ConflictError):
        store.write("app", b"serial: 3", version)


def test_ErasingStore_deletes_where_a_store_has_no_conditional_deletion() -> None:
    inner = MemoryStore()
    store = ErasingStore(inner)
    version = store.write("app", b"serial: 1", ABSENT)
    store.delete("app", version)  # writes a mark over it, under a condition
    assert (store.read("app"), [*store.names()], [*inner.names()]) == (None, [], ["app"])


def test_LeasedStateManager_needs_a_store_alone(tmp_path: Path) -> None:
    class MemoryStateManager(LeasedStateManager):
        """Keeps states in memory."""

        type: ClassVar[str] = "memory"

        def open_store(self, root: Path) -> Store:
            return MemoryStore()

    store = MemoryStateManager(uri="memory:").store(
        tmp_path
    )  # which also finds out whether a write without an answer landed
    store.write("app", b"serial: 1", ABSENT)
    assert store.read("app").data == b"serial: 1"


def test_Release_is_what_can_be_put_back() -> None:
    first = Release(
        number=1,
        model_hash="ab" * 16,
        declaration={},
        records={"server": {"port": 8080}},
        created="2026-11-26T12:00:00Z",
    )
    state = State(type="folder_process", releases=(first,))
    assert state.releases[0].records["server"]["port"] == 8080


def test_STATE_EXTENSION_ends_the_key_of_a_state() -> None:
    key = f"states/apps/iris{STATE_EXTENSION}"
    assert (key, key.removesuffix(STATE_EXTENSION)) == ("states/apps/iris.mlem.state", "states/apps/iris")


def test_State_has_the_record_of_each_step() -> None:
    state = State(type="folder_process").with_record("server", {"pid": 7})
    assert State.from_bytes(state.to_bytes(), "app.mlem.state").records == {"server": {"pid": 7}}


def test_StateManager_comes_from_a_hook() -> None:
    class MemoryStateManager(LeasedStateManager):
        """Keeps states in memory."""

        type: ClassVar[str] = "memory"

        def open_store(self, root: Path) -> Store:
            return MemoryStore()

    @hookimpl
    def mlem_state_managers() -> Sequence[type[StateManager]]:
        return [MemoryStateManager]

    assert mlem_state_managers()[0](uri="memory:").shared


def test_StateUnknownError_is_for_a_write_that_got_no_answer() -> None:
    def write() -> None:
        try:
            raise TimeoutError("timed out")
        except TimeoutError as error:
            raise StateUnknownError(
                "no answer from s3://bucket/app"
            ) from error  # it may have landed: the store is read again

    with pytest.raises(StateUnknownError):
        write()


def test_Store_is_a_register_for_each_name() -> None:
    store = MemoryStore()
    store.write("apps/iris", b"serial: 1", ABSENT)
    assert (store.read("apps/iris").data, [*store.names("apps/")]) == (b"serial: 1", ["apps/iris"])


def test_Versioned_is_what_a_store_read() -> None:
    store = MemoryStore()
    store.write("app", b"serial: 1", ABSENT)
    found = store.read("app")
    store.write("app", found.data + b"0", expect=found.version)
    assert store.read("app") != found
