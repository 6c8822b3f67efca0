"""Folders on a network are recognised by the kernel's table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.manager import ABSENT
from mlem.state.state import State
from mlem.state.stores import local
from mlem.state.stores.local import LocalStateManager, LocalStore
from mlem.testing.stores.manager_suite import StateManagerSuite
from mlem_model.artifacts.mounts import network_mount
from mlem_model.errors import LockedError

TABLE = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/nfs rw - nfs4 server:/export rw
31 22 0:41 / /mnt/ssh rw - fuse.sshfs ada@far:/ rw
32 22 0:42 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
33 30 8:2 / /mnt/nfs/local rw - xfs /dev/sdc1 rw
34 22 0:43 / /mnt/with\\040space rw - cifs //far/share rw
35 22 0:44 / /mnt/twice rw - nfs far:/ rw
36 35 8:3 / /mnt/twice rw - ext4 /dev/sdd1 rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/ada", None),
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfs/deep/er", "nfs4"),
        ("/mnt/nfsx", None),
        ("/mnt/nfs/local/project", None),
        ("/mnt/ssh/project", "fuse.sshfs"),
        ("/mnt/ntfs", None),
        ("/mnt/with space/x", "cifs"),
        ("/mnt/twice", None),
    ],
)
def test_the_innermost_and_latest_mount_decides(tmp_path: Path, folder: str, expected: str | None) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert network_mount(Path(folder), table) == expected


def test_without_a_table_nothing_is_said(tmp_path: Path) -> None:
    assert network_mount(Path("/mnt/nfs"), tmp_path / "none") is None


@pytest.fixture
def on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "network_mount", lambda _folder: "nfs4")


@pytest.mark.usefixtures("on_a_network")
def test_a_run_on_a_network_says_what_its_lock_is_worth(tmp_path: Path) -> None:
    assert "is on a network (nfs4)" in LocalStateManager().warning(LocalStore(tmp_path), "app")


@pytest.mark.usefixtures("on_a_network")
def test_the_lock_of_a_machine_that_died_is_released_by_its_id(tmp_path: Path) -> None:
    manager, store = LocalStateManager(), LocalStore(tmp_path)
    dead = new_lock("run").model_copy(update={"host": "far/boot"})
    initial = State(type="fake", lock=dead)
    store.write("app", initial.to_bytes(), ABSENT)
    left = local._file_lock(store.path("app"))  # its machine is gone: nobody will release it
    left.acquire()
    with pytest.raises(LockedError, match="run since"), manager.session(LockRequest(store, "app", new_lock("run"))):
        pass
    manager.release(store, "app", dead)
    with manager.session(LockRequest(store, "app", new_lock("run"))) as session:
        assert session.state is not None
        assert session.state.lineage == initial.lineage


@pytest.mark.usefixtures("on_a_network")
class TestLockedByFiles(StateManagerSuite):
    processes = False  # another process has no patched table

    def manager(self, tmp_path: Path) -> LocalStateManager:
        return LocalStateManager()
