"""Every mutant, by its name."""

from __future__ import annotations

import deployments
import kinds
import pytest
import stores
from mutant import MUTANTS, Mutant

GROUPS = {
    "life": ("LifeCycleSuite", "EveryDaySuite"),
    "crashes": ("OperationSuite", "CrashSafetySuite"),
    "rules": ("DeclarationSuite", "NeighbourSuite", "FailureSuite", "LogSuite", "ClientSuite", "BuilderSuite"),
    "kinds": ("ModelTypeSuite", "DataTypeSuite"),
    "stores": ("StoreSuite", "StateManagerSuite"),
}
"""The suites whose mutants are run together, in a process of their own."""


def mutants_of(group: str) -> list[Mutant]:
    """Return the mutants of a group."""
    return [one for one in MUTANTS.values() if one.tests[0].partition(".")[0] in GROUPS[group]]


def become(name: str) -> None:
    """Break this process, for good."""
    MUTANTS[name].patch(pytest.MonkeyPatch())


__all__ = ["GROUPS", "become", "deployments", "kinds", "mutants_of", "stores"]
