"""`Suite`: what all suites of the kit share: their tests stay as they are, and what a test class lacks is declared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any, ClassVar

import pytest

ADVICE = "When it fails:"
"""What the last paragraph of each standard test's docstring begins with."""
_KIT = __name__.rpartition(".")[0]


class Suite:
    """A suite of standard tests, which a test class joins by inheriting from it.

    A test class that drops a standard test, or puts another one in its place, is refused where it is defined: what is
    known to fail is marked ``@pytest.mark.xfail(reason=...)``, so that everybody reads why.
    """

    lacks: ClassVar[Mapping[str, str]] = {}
    """The optional methods that this test class goes without, and why: ``{"copies": "nothing inherits marks"}``."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        changed = [
            name
            for name, standard in standard_tests(cls).items()
            if inspect.getattr_static(cls, name, None) is not standard
            and not reason_of(inspect.getattr_static(cls, name, None))
        ]
        if changed:
            raise TypeError(
                f"{cls.__qualname__} drops or replaces standard tests: {', '.join(sorted(changed))}. Leave them as they"
                ' are, or say why one fails: @pytest.mark.xfail(reason="...")'
            )

    @pytest.fixture(autouse=True)
    def _advice(self, request: pytest.FixtureRequest) -> None:
        plugins = request.config.pluginmanager
        if not plugins.has_plugin("mlem-kit-advice"):
            plugins.register(_Advice(), "mlem-kit-advice")

    def expect_method(self, name: str) -> None:
        """Go on where the test class has an optional method; end the test as skipped where it declares to lack it.

        It fails where the class neither has nor lacks it, and where it does both: what is not tested is said.

        Args:
            name: The method, which the kit's own class has too, without effect.
        """
        own = inspect.getattr_static(self, name)
        has = not any(name in vars(base) and vars(base)[name] is own for base in _kit_bases(type(self)))
        reason = self.lacks.get(name)
        if has and reason:
            pytest.fail(f'{type(self).__name__} has "{name}" and declares that it lacks it: take it out of `lacks`')
        if not has and not reason:
            pytest.fail(
                f'{type(self).__name__} has no method "{name}": write it, or declare why there is none: '
                f'lacks = {{"{name}": "..."}}'
            )
        if reason:
            pytest.skip(f'declared to lack "{name}": {reason}')


def standard_tests(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the standard tests that a test class has to have, by name.

    Args:
        cls: A suite of the kit, or a class that joins some.
    """
    found = {}
    for base in reversed(_kit_bases(cls)):
        found.update({name: value for name, value in vars(base).items() if name.startswith("test_")})
    return found


def reason_of(test: Any) -> str:
    """Return why a test is expected to fail; empty where nothing is expected of it.

    Args:
        test: What a class has under the name of a test.
    """
    marks = getattr(test, "pytestmark", ())
    return next((str(mark.kwargs.get("reason") or "") for mark in marks if mark.name == "xfail"), "")


def advice_of(test: Any) -> str:
    """Return what the docstring of a standard test says to do when it fails; empty where it says nothing.

    Args:
        test: The function.
    """
    _, found, advice = (inspect.getdoc(test) or "").partition(ADVICE)
    return " ".join(advice.split()) if found else ""


def _kit_bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base.__module__ == _KIT or base.__module__.startswith(f"{_KIT}.")]


class _Advice:
    """Shows with the report of a failed test what its docstring says to do."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        report: Any = yield
        advice = advice_of(getattr(item, "function", None)) if report.failed else ""
        if advice:
            report.sections.append((ADVICE.rstrip(":"), advice))
        return report
