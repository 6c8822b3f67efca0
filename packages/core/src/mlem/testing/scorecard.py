"""What a plugin's tests have shown, as a card: a plugin of pytest that `mlem plugin check` runs them with.

Where the variable ``MLEM_SCORECARD`` names a file, the outcome of each standard test is written to it, as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from mlem.testing.standard import Suite

VARIABLE = "MLEM_SCORECARD"
_PROPERTY = "mlem-suite"
_cards: dict[str, dict[str, Any]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the suite that a standard test is of; the report may come from another process."""
    report = yield
    suite = _suite_of(item)
    if suite:
        report.user_properties.append((_PROPERTY, suite))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome of a standard test."""
    suite = dict(report.user_properties).get(_PROPERTY)
    if suite is None:
        return
    card = _cards.setdefault(report.nodeid, {"suite": suite, "outcome": "passed", "reason": ""})
    if report.when == "call" or report.outcome != "passed":
        if hasattr(report, "wasxfail"):
            card |= {"outcome": "known to fail", "reason": str(report.wasxfail)}
        elif report.outcome == "skipped":
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            card |= {"outcome": "skipped", "reason": reason.removeprefix("Skipped: ")}
        elif report.outcome == "failed":
            card |= {"outcome": "failed", "reason": str(report.longreprtext).strip().rpartition("\n")[2][:300]}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the card, in the process that has all reports."""
    path = os.environ.get(VARIABLE)
    if path and not hasattr(session.config, "workerinput"):
        Path(path).write_text(json.dumps(_cards), encoding="utf-8")


def _suite_of(item: pytest.Item) -> str:
    cls, name = getattr(item, "cls", None), getattr(item, "originalname", item.name)
    if cls is None or not issubclass(cls, Suite):
        return ""
    package = Suite.__module__.rpartition(".")[0]
    bases = [base for base in cls.__mro__ if base.__module__.startswith(package) and name in vars(base)]
    return bases[-1].__name__ if bases else ""
