"""A plugin of pytest for ``cases``: takes of a mutant what is meant for it, and writes what came of it to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

found: dict[str, list[str]] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Leave out what a mutant is not meant for."""
    kept, out = [], []
    for item in items:
        mutant = getattr(item.cls, "mutant", None)
        meant = mutant is None or any(test.endswith(f".{item.originalname}") for test in mutant.tests)
        (kept if meant else out).append(item)
    config.hook.pytest_deselected(items=out)
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Any:
    """Note outcome and words of each test."""
    report = yield
    mutant = getattr(item.cls, "mutant", None)
    who = mutant.name if mutant else item.cls.__name__
    key = f"{who}: {item.originalname}"
    if report.when == "call" or not report.passed:
        found.setdefault(key, []).append("" if report.passed else f"{report.outcome}: {report.longreprtext}")
    return report


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    Path(os.environ["MUTANTS_FOUND"]).write_text(json.dumps(found))
