"""Saving over a name while others load, save, or are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mlem import api
from mlem.api.objects import with_object
from mlem_model.artifacts.destinations.folder_lock import FolderLock
from mlem_model.artifacts.destinations.rules import content_name
from mlem_model.errors import ConflictError, PlatformError

LARGE = ["x" * 40_000]
"""A sample so large that it is kept in a file of its own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    api.init(tmp_path)
    return tmp_path


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name not in (".mlem.yaml", ".gitignore")
    )


def save(folder: Path | str, number: int, *, large: bool = False) -> Any:
    """Save a model that answers with a number; its metadata has the number too, and so has its large sample."""

    def answer(words: list[str]) -> int:
        return number

    answer.__module__ = "__main__"
    sample = LARGE if large else ["x"]
    return api.save(
        answer, f"{folder}/m", sample_data=sample, params={"number": number, "filling": "y" * number}, overwrite=False
    )


def numbers(folder: Path | str) -> tuple[int, int]:
    """Load the model, and return the numbers of its metadata and of its content, which have to be the same."""
    meta, obj = with_object(f"{folder}/m", None)
    return meta.params["number"], obj(["x"])


SAVER = """
import sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import mlem.api
def make(number):
    def answer(words: list[str]) -> int:
        return number
    return answer
number, step, large = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "large"
while True:
    number += step
    sample = ["x" * 40_000] if large else ["x"]
    mlem.api.save(make(number), Path(sys.argv[2]) / "m", sample_data=sample, params={"number": number})
    print(number, flush=True)
"""


class Saver:
    """A process that saves a model again and again."""

    def __init__(self, folder: Path, first: int, step: int, *, large: bool = False) -> None:
        script = [
            sys.executable,
            "-c",
            SAVER,
            str(folder),
            str(folder),
            str(first),
            str(step),
            "large" if large else "small",
        ]
        self.process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self) -> int:
        """Wait until the next model is saved."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline() or self.failed())

    def failed(self) -> int:
        self.process.wait()
        raise AssertionError(self.process.stderr.read() if self.process.stderr else "")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.mark.parametrize("large", [False, True])
def test_whoever_loads_while_others_save_gets_one_model_or_the_other(folder: Path, large: bool) -> None:
    save(folder, 0, large=large)
    savers = [Saver(folder, 0, 2, large=large), Saver(folder, 1, 2, large=large)]
    try:
        for saver in savers:
            saver.line()
        seen = set()
        deadline = time.monotonic() + 120
        while len(seen) < 8 and time.monotonic() < deadline:
            meta, answer = numbers(folder)
            assert meta == answer
            seen.add(answer)
            for saver in savers:
                saver.line()
        assert len(seen) == 8
    finally:
        for saver in savers:
            saver.kill()
    save(folder, 7, large=False)  # what was left over goes at the next save
    assert (numbers(folder), names(folder)) == ((7, 7), ["m", "m.mlem"])


@pytest.mark.parametrize("store", ["folder", "memory"])
def test_threads_that_save_together_leave_one_of_their_models_whole(
    folder: Path, memory: MemoryFileSystem, store: str
) -> None:
    place = folder if store == "folder" else "memory://bucket"
    for round_ in range(10):
        start = threading.Barrier(3)
        failed: list[BaseException] = []

        def work(number: int, start: threading.Barrier = start, failed: list[BaseException] = failed) -> None:
            start.wait(60)
            try:
                save(place, number, large=number % 2 == 0)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(round_ * 3 + number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        meta, answer = numbers(place)
        assert (failed, meta == answer, meta // 3) == ([], True, round_)
    save(folder, 7)
    assert names(folder) == ["m", "m.mlem"]


def test_a_saver_may_be_killed_at_any_moment(folder: Path) -> None:
    choose = random.Random(4)
    save(folder, 0)
    for _ in range(6):
        saver = Saver(folder, numbers(folder)[0], 1, large=choose.random() < 0.5)
        before = saver.line()
        threading.Event().wait(choose.random() * 0.06)
        saver.kill()
        meta, answer = numbers(folder)
        assert (meta == answer, meta >= before) == (True, True)
    save(folder, 7)
    assert (numbers(folder), names(folder)) == ((7, 7), ["m", "m.mlem"])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("after", range(1, 16))
def test_between_any_two_steps_there_is_a_whole_model_and_the_next_save_clears_up(
    tmp_path: Path, after: int, first: bool, large: bool
) -> None:
    """Each change of a name is a step: a process of its own ends without a word after so many of them."""
    api.init(tmp_path)
    if not first:
        save(tmp_path, 1, large=large)
    script = f"""
import os, sys
left = [{after}]
def counted(function):
    def wrapper(*args, **options):
        result = function(*args, **options)
        if "m.mlem" in str(args) or "/m" in str(args[-1]):
            left[0] -= 1
            if not left[0]:
                os._exit(0)
        return result
    return wrapper
import mlem.api
os.replace, os.link, os.unlink = counted(os.replace), counted(os.link), counted(os.unlink)
def answer(words: list[str]) -> int:
    return 2
mlem.api.save(answer, {str(tmp_path / "m")!r}, sample_data={LARGE if large else ["x"]!r}, params={{"number": 2}})
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    if not first or (tmp_path / "m.mlem").exists():
        meta, answer = numbers(tmp_path)
        assert (meta == answer, answer in (1, 2)) == (True, True)
        api.load_meta(tmp_path / "m")
    save(tmp_path, 3)
    assert (numbers(tmp_path), names(tmp_path)) == ((3, 3), ["m", "m.mlem"])


def test_what_is_being_read_stays(folder: Path) -> None:
    save(folder, 1)
    content = (folder / "m").read_bytes()
    with open(folder / "m", "rb") as file:
        save(folder, 2)
        assert file.read() == content


def test_the_same_again_changes_no_name_and_no_content(folder: Path) -> None:
    save(folder, 1, large=True)
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    save(folder, 1, large=True)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before
    assert list(before) == ["m", "m.mlem", "m.samples.json"]


def test_a_copy_of_a_model_whose_content_got_its_plain_name_meanwhile_is_the_same(
    folder: Path, tmp_path_factory: Any
) -> None:
    from mlem_model.models.saving import copy_model, verify

    model = save(folder, 1)
    artifact = model.artifacts["data"]
    early = model.model_copy(
        update={
            "artifacts": {"data": artifact.model_copy(update={"uri": content_name(artifact.uri, artifact.sha256[:12])})}
        }
    )
    verify(early, folder)
    copy = copy_model(early, tmp_path_factory.mktemp("copy"))
    assert copy.digest == model.digest


@pytest.mark.parametrize("missing", ["links", "locks"])
def test_where_the_file_system_can_not_do_it_the_content_keeps_its_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def refuse(*_args: Any, **_options: Any) -> Any:
        raise PermissionError(1, "Operation not permitted")

    save(folder, 1)
    if missing == "links":
        monkeypatch.setattr(os, "link", refuse)  # as vfat and some FUSE file systems do
    else:
        monkeypatch.setattr("fcntl.flock", refuse)
    for number in (2, 3, 3):
        saved = save(folder, number, large=number == 2)
        assert api.load_meta(folder / "m") == saved
        assert numbers(folder) == (number, number)
        found = names(folder)
        assert (len(found), "m.mlem" in found, all(name.startswith("m") for name in found)) == (
            3 if number == 2 else 2,
            True,
            True,
        )
    monkeypatch.undo()
    save(folder, 4)
    assert (numbers(folder), names(folder)) == ((4, 4), ["m", "m.mlem"])


def test_strangers_files_that_only_look_like_ours_stay(folder: Path) -> None:
    save(folder, 1)
    strange = ["m-0123456789ab", "m-notes", "m-0123456789ab.txt", ".mlem-mine.tmp2", "m.samples-0123456789ab.json"]
    for name in strange:
        (folder / name).write_text("mine")
    save(folder, 2)
    save(folder, 3, large=True)
    assert sorted({*names(folder)} - {"m", "m.mlem", "m.samples.json"}) == sorted(strange)
    assert {(folder / name).read_text() for name in strange} == {"mine"}


def test_a_folder_of_a_saver_that_lives_stays(folder: Path) -> None:
    living, dead = folder / ".mlem-living.tmp", folder / ".mlem-dead.tmp"
    for path in (living, dead):
        path.mkdir()
        (path / "m").write_text("half")
    lock = FolderLock(living)
    assert lock.take() is True
    save(folder, 1)
    assert (living.exists(), dead.exists()) == (True, False)
    lock.close()
    save(folder, 1)
    assert not living.exists()


def test_what_is_missing_or_changed_for_good_is_told(folder: Path) -> None:
    save(folder, 1)
    (folder / "m").write_bytes(b"x" * (folder / "m").stat().st_size)
    with pytest.raises(ConflictError) as caught:
        api.load(folder / "m")
    assert caught.value.code == "artifact-changed"


def test_what_a_killed_saver_left_in_a_store_goes_when_it_is_old(memory: MemoryFileSystem) -> None:
    import datetime

    save("memory://bucket", 1)
    for name, hours in (
        ("m-000000000000", 2),
        ("m-000000000001", 0),
        ("m.samples-000000000000.json", 2),
        ("m-other", 2),
    ):
        memory.pipe_file(f"/bucket/{name}", b"left over")
        memory.store[f"/bucket/{name}"].modified -= datetime.timedelta(hours=hours)
    save("memory://bucket", 2)
    found = {name.rpartition("/")[2] for name in memory.find("bucket")}
    assert {"m-000000000001", "m-other", "m.mlem"} < found
    assert len(found) == 4


def test_a_store_that_fails_does_not_undo_what_somebody_else_has_saved(
    memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("memory://bucket", 1)
    original = MemoryFileSystem.pipe_file

    def other_comes_first(self: MemoryFileSystem, path: str, value: bytes, **options: Any) -> None:
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", original)
        save("memory://bucket", 2)
        raise OSError("no answer")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", other_comes_first)
    with pytest.raises(PlatformError):
        save("memory://bucket", 3)
    assert numbers("memory://bucket") == (2, 2)
    assert len(memory.find("bucket")) == 2


UMASK = """
import os, sys, threading
import mlem.api
os.umask(0o077)
def answer(words: list[str]) -> int:
    return 1
answer.__module__ = "__main__"
sample = {"sample_data": ["x"]}
threads = [threading.Thread(target=mlem.api.save, args=(answer, f"m{number}"), kwargs=sample) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(oct(os.umask(0o077)), sorted({oct(os.stat(name).st_mode & 0o777) for name in os.listdir()}))
"""


def test_threads_that_save_leave_the_umask_alone_and_keep_to_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UMASK], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "0o77 ['0o600']\n", done.stderr
