"""What is Cumulus's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlem import ABSENT, DeclarationError, StateUnknownError

from mlem_state_cumulus.state_manager import CumulusStateManager
from mlem_state_cumulus.store import CumulusStore


@pytest.mark.parametrize("uri", ["cumulus://", "cumulus://host/states.db", "sqlite:///states.db"])
def test_a_place_that_is_none_is_told(uri: str, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="is not a place in Cumulus"):
        CumulusStateManager(uri=uri).open_store(tmp_path)


def test_a_file_of_others_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "states.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StateUnknownError, match="not a database"):
        CumulusStore(path).write("app", b"serial: 1", ABSENT)
    assert path.read_bytes() == b"no database" * 100
