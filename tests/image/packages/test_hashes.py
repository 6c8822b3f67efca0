"""Hashes that were recorded when a model was saved are those of the files that its image gets, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlem import ConflictError, api
from mlem_image.builder import ImageBuilder
from mlem_image.cache.cache import Cache

Saved = Callable[[], Any]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """Save a model that needs numpy, with hashes; called again, read it again."""
    monkeypatch.chdir(tmp_path)

    def total(x: Any) -> Any:
        return np.asarray(x).sum(axis=1)

    api.save(total, "total", sample_data=np.zeros((2, 3)), require_hashes=True)
    return lambda: api.load_meta("total")


def replaced(folder: Path) -> None:
    """Have the model's metadata name another file of numpy, as if the index's had been replaced since."""
    metadata = folder / "total.mlem"
    content = yaml.safe_load(metadata.read_text())
    for one in content["requirements"]:
        if one["package_name"] == "numpy":
            one["hashes"] = ["a" * 64]
    metadata.write_text(yaml.safe_dump(content))


def test_the_image_has_a_file_that_was_there_when_the_model_was_saved(
    saved: Saved, base: str, tmp_path: Path, cache: Cache
) -> None:
    model = saved()
    (needed,) = [one for one in model.requirements if one.package_name == "numpy"]
    assert needed.hashes
    made = ImageBuilder(folder=tmp_path / "image", base_image=base).build(model, lambda _line: None)
    assert made["digest"].startswith("sha256:")
    replaced(tmp_path)
    with pytest.raises(ConflictError, match=r"numpy .*when the model was saved") as caught:
        ImageBuilder(folder=tmp_path / "image", base_image=base).build(saved(), lambda _line: None)
    assert caught.value.code == "hashes-differ"
