"""Every estimator of scikit-learn is saved in the format of skops, where a project prefers it, and answers the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from estimators import save_estimators

from mlem import api

pytest.importorskip("skops", minversion="0.14")


def test_every_estimator_is_saved(tmp_path: Path) -> None:
    api.init(tmp_path)
    api.set_config("core.save.formats", "skops", tmp_path)
    saved = save_estimators(tmp_path)
    assert len(saved.names) > 80
    assert saved.others == {"Birch": ("sklearn", "True")}
    assert "a Birch is not saved as skops: the Birch can't be saved in the format of skops" in saved.told
