"""``mlem plugin check``."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mlem.cli.terminal.output import output_option, print_result, table
from mlem_model.errors import NotFoundError, PluginError
from mlem_model.objects.files import shown, unusable, write_atomic

OF_PROVIDERS = (
    *("CrashSafetySuite", "DeclarationSuite", "EveryDaySuite", "FailureSuite", "LifeCycleSuite", "LogSuite"),
    *("NeighbourSuite", "OperationSuite", "PackagingSuite"),
)
"""The suites that a provider joins."""
_OUTCOMES = ("passed", "skipped", "known to fail", "failed")


@click.command()
@click.argument("folder", default=".", metavar="[DIR]")
@click.option(
    "--badge", type=click.Path(path_type=Path), help="Write what shields.io makes a badge of, as JSON, to a file."
)
@output_option
def check(folder: str, badge: Path | None, output: str) -> int:
    """Run a plugin's tests, and say which of the standard ones it joins and passes: a card for its README.

    DIR is the plugin's folder, or that of its tests; the plugin and mlem-core[testing] are installed. The exit code is
    3 where a standard test fails or a suite of providers is missing.
    """
    place = Path(folder).resolve()
    if not place.exists():
        raise NotFoundError(f"there is no folder {shown(place)}")
    if importlib.util.find_spec("pytest") is None:
        raise PluginError("pytest is not installed: it runs the tests", hint="pip install 'mlem-core[testing]'")
    cards, said = _run(place)
    if not cards:
        raise PluginError(
            f"no standard test was run in {shown(place)}:\n" + "\n".join(f"    | {line}" for line in said[-8:]),
            code="not-a-plugin",
            hint="join the suites of mlem.testing: docs/how-to/write-a-provider.md",
        )
    suites = {card["suite"] for card in cards.values()}
    missing = sorted(set(OF_PROVIDERS) - suites) if suites & {*OF_PROVIDERS[:-1]} else []
    rows = [[suite, *(str(_count(cards, suite, outcome) or "") for outcome in _OUTCOMES)] for suite in sorted(suites)]
    notes = [
        f"{card['outcome']}: {_name(name)}: {card['reason']}" for name, card in sorted(cards.items()) if card["reason"]
    ]
    passed, failed = _count(cards, "", "passed"), _count(cards, "", "failed")
    text = "\n".join(
        [
            table(rows, ["suite", *_OUTCOMES]),
            *(["", *notes] if notes else []),
            *([f"\nnot joined: {', '.join(missing)}"] if missing else []),
            f"\n{passed} of {passed + failed + _count(cards, '', 'known to fail')} standard tests passed",
        ]
    )
    data = {"tests": cards, "missing": missing, "passed": passed, "failed": failed}
    if badge is not None:
        _write_badge(badge, passed, len(cards) - _count(cards, "", "skipped"), bad=bool(failed or missing))
    print_result(output, data, text)
    return PluginError.exit_code if failed or missing else 0


def _run(place: Path) -> tuple[dict[str, Any], list[str]]:
    with tempfile.TemporaryDirectory() as work:
        card = Path(work) / "card.json"
        # S603: the tests of whoever calls this
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pytest", "-q", "-p", "mlem.testing.scorecard", str(place)],
            cwd=place if place.is_dir() else place.parent,
            env={**os.environ, "MLEM_SCORECARD": str(card)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return (json.loads(card.read_bytes()) if card.exists() else {}), done.stdout.splitlines()


def _count(cards: Mapping[str, Mapping[str, str]], suite: str, outcome: str) -> int:
    return sum(card["outcome"] == outcome and suite in ("", card["suite"]) for card in cards.values())


def _name(node: str) -> str:
    return "::".join(node.split("::")[1:])


def _write_badge(path: Path, passed: int, whole: int, *, bad: bool) -> None:
    """Write it. Source: https://shields.io/badges/endpoint-badge (read 2026-11)."""
    content = {
        "schemaVersion": 1,
        "label": "mlem",
        "message": f"{passed} of {whole}",
        "color": "red" if bad else "brightgreen",
    }
    try:
        write_atomic(path, json.dumps(content).encode())
    except OSError as error:
        raise unusable(path, error, "write the badge to") from error
