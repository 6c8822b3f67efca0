"""Standard tests stay as they are, and what a test class goes without is declared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.testing import BuilderSuite, DeploymentFixtures

RULE = "test_built_again_it_is_the_same"


class Fixtures(DeploymentFixtures):
    type = "nothing"

    def running(self, lineage: str) -> list[str]:
        return []

    def leftovers(self, lineage: str) -> list[str]:
        return []

    def kill(self, handle: Any) -> None:
        """There is nothing to kill."""


class Passing(Fixtures):
    def passing(self, variable: str) -> Mapping[str, Any]:
        return {"pass": variable}


class Lacking(Fixtures):
    lacks: ClassVar[Mapping[str, str]] = {"passing": "it passes none"}


class Both(Passing):
    lacks: ClassVar[Mapping[str, str]] = {"passing": "it passes none"}


def made(test: Any, *bases: type) -> type:
    """Make a test class whose test of a name is another one."""
    return type("TestBundle", (*bases, BuilderSuite), {} if test is ... else {RULE: test})


def other(self: Any, project: Any, tmp_path: Path) -> None:
    """A test in the place of a standard one."""


def test_a_standard_test_can_not_be_replaced_or_dropped() -> None:
    mixin = type("Mixin", (), {RULE: other})
    for test, bases in ((other, ()), (None, ()), (..., (mixin,))):
        with pytest.raises(TypeError, match=f"drops or replaces standard tests: {RULE}.*say why one fails"):
            made(test, *bases)


def test_what_is_known_to_fail_says_why() -> None:
    made(pytest.mark.xfail(reason="the archive has the time in it")(other))
    for mark in (pytest.mark.xfail(), pytest.mark.skip(reason="it takes long")):
        with pytest.raises(TypeError, match=RULE):
            made(mark(lambda self, project, tmp_path: None))


def test_a_test_class_has_a_method_or_says_why_not() -> None:
    Passing().expect_method("passing")
    with pytest.raises(pytest.skip.Exception, match="it passes none"):
        Lacking().expect_method("passing")
    with pytest.raises(pytest.fail.Exception, match=r'has no method "passing".*lacks = '):
        Fixtures().expect_method("passing")
    with pytest.raises(pytest.fail.Exception, match="take it out"):
        Both().expect_method("passing")
