"""Numerical libraries start as many threads as a container has processors, and not as many as the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlem_server.process.threads import VARIABLES, limit_threads, processors

MACHINE = 64


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: MACHINE)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(MACHINE)), raising=False)


def limited(folder: Path, quota: str, version: int) -> Path:
    """Write a limit as the kernel shows it, in its second version of control groups or in its first."""
    if version == 2:
        (folder / "cpu.max").write_text(f"{quota} 100000\n")
    else:
        (folder / "cpu").mkdir()
        (folder / "cpu" / "cpu.cfs_quota_us").write_text("-1\n" if quota == "max" else f"{quota}\n")
        (folder / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    return folder


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("quota", "workers", "threads"),
    [("200000", 1, "2"), ("150000", 1, "1"), ("50000", 1, "1"), ("400000", 2, "2"), ("100000", 8, "1")],
)
def test_a_quota_counts(tmp_path: Path, version: int, quota: str, workers: int, threads: str) -> None:
    environment = {"PATH": "/bin"}
    told = limit_threads(environment, workers, limited(tmp_path, quota, version))
    assert {environment[name] for name in VARIABLES} == {threads}
    assert told.startswith(f"numerical libraries get {threads} of the machine's 64 processors")


@pytest.mark.parametrize("version", [1, 2])
def test_without_a_quota_libraries_count_themselves(tmp_path: Path, version: int) -> None:
    environment: dict[str, str] = {}
    assert limit_threads(environment, 1, limited(tmp_path, "max", version)) == ""
    assert environment == {}
    assert limit_threads(environment, 1, tmp_path / "nothing") == ""


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    environment = {"OMP_NUM_THREADS": "7"}
    assert limit_threads(environment, 1, limited(tmp_path, "200000", 2))
    assert (environment["OMP_NUM_THREADS"], environment["MKL_NUM_THREADS"]) == ("7", "2")


def test_an_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 4}, raising=False)
    assert processors(tmp_path) == 2


@pytest.mark.parametrize("content", ["", "max", "x y", "1 0", "-5 100000", "\x00"])
def test_what_can_not_be_read_is_no_limit(tmp_path: Path, content: str) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert processors(tmp_path) == MACHINE
