"""What plugins and programs use stays: a change that would break them is found, and one that would not is let pass."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import public_api  # a script's module


@pytest.fixture(scope="module")
def stub() -> str:
    return str(public_api.stub("mlem"))


@pytest.fixture
def broken(stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what would be broken if the last release had had another stub."""
    monkeypatch.setattr(public_api, "STUBS", tmp_path)

    def found(old: str, new: str) -> list[str]:
        assert old in stub
        (tmp_path / "mlem.pyi").write_text(stub.replace(old, new, 1))
        return list(public_api.broken("mlem"))

    return found


SIGNATURE = "def check(self, ctx, wanted, recorded) -> Any: ..."


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class Phase:", "class Gone:\n    pass\n\nclass Phase:"),
        (SIGNATURE, SIGNATURE.replace("recorded", "state")),
        (SIGNATURE, SIGNATURE.replace("recorded", "recorded=...")),
        (SIGNATURE, f"def checks(self) -> Any: ...\n    {SIGNATURE}"),
    ],
    ids=["a name", "a parameter", "a default", "a method"],
)
def test_what_is_taken_away_is_found(old: str, new: str, broken: Any) -> None:
    assert broken(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SIGNATURE, ""),
        ("    def declared_path(self, declared) -> Any: ...\n", ""),
        ("ABSENT: Any = ...\n", ""),
    ],
    ids=["a method", "an inherited one", "a name"],
)
def test_what_is_added_is_let_pass(old: str, new: str, broken: Any) -> None:
    assert broken(old, new) == []


def test_nothing_is_broken_of_what_the_last_release_had() -> None:
    assert [line for door in public_api.DOORS for line in public_api.broken(door)] == []
