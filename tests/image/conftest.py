"""A base image in a registry, a model, and a cache that all tests of one process share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem_image.cache.cache import Cache


@pytest.fixture(scope="session")
def base(hub: str) -> str:
    """The name of a base image in the registry: the one that an Engine has."""
    return hub


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    """An empty cache, in use."""
    found = Cache(tmp_path / "cache")
    with found.used():
        yield found


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The metadata of a model without packages of its own."""
    monkeypatch.chdir(tmp_path)

    def double(x: float) -> float:
        return 2 * x

    api.save(double, "double", sample_data=1.5)
    return api.load_meta("double")
