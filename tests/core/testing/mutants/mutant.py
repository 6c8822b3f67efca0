"""`Mutant`: a small override that breaks one rule, and the standard tests that have to notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """What is broken.

    Attributes:
        name: The rule that is broken, in words.
        tests: The standard tests that have to fail: ``NeighbourSuite.test_looking_changes_nothing``.
        says: What their reports have to have in them, so that they fail for this reason; a regular expression.
        patch: Breaks it.
        every: At which boundaries commands are killed: at every second one, where that is enough to notice.
    """

    name: str
    tests: tuple[str, ...]
    says: str
    patch: Patch
    every: int = 2


MUTANTS: dict[str, Mutant] = {}


def breaks(*tests: str, says: str, every: int = 2) -> Callable[[Patch], Patch]:
    """Put a function among the mutants, under its own name."""

    def add(patch: Patch) -> Patch:
        name = patch.__name__.replace("_", " ")
        while name in MUTANTS:  # it breaks another rule, too
            name += " too"
        MUTANTS[name] = Mutant(name, tests, says, patch, every)
        return patch

    return add
