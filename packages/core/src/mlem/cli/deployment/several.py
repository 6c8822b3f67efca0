"""One view of what is done with several deployments at once: progress, results, failures, and one exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlem.cli.deployment.processes import Failed, Processes
from mlem.cli.terminal import traces
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import Report, error_data, print_error, to_json
from mlem.deployments.overview.selection import Selected

WORST_FIRST = (1, 7, 8, 6, 9, 5, 4, 3, 2, 10)
"""Exit codes, the worst first: what is broken, what may be broken, what was refused, what differs."""


@dataclass(frozen=True)
class Result:
    """What a command has to say about one deployment of several.

    Attributes:
        name: The deployment's name.
        data: The result as plain data.
        text: The result for a person.
        exit_code: 0, or 10 where it differs.
    """

    name: str
    data: dict[str, Any]
    text: str
    exit_code: int = 0


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of a command from those of its parts."""
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=0))


def for_each(
    selected: Sequence[Selected], work: Callable[[Selected, Report], Result], output: str, *, parallel: int
) -> int:
    """Do the same with several deployments at once, print the results, and return the exit code of the worst.

    Args:
        selected: The deployments.
        work: What is done with one; its lines of progress are shown with the deployment's name.
        output: ``text`` or ``json``.
        parallel: How many at once.
    """
    processes: Processes[Selected, Result] = Processes(
        lambda one, report: work(one, _named(report, one.name)), _line, parallel=parallel
    )
    found = processes.all(selected)
    for one, result in zip(selected, found, strict=True):
        if isinstance(result, Failed):
            _print_failure(one.name, result)
        elif output == "text":
            say(result.text)
    data = [
        {"name": one.name, "error": _failure(result)} if isinstance(result, Failed) else result.data
        for one, result in zip(selected, found, strict=True)
    ]
    if output == "json":
        say(to_json(data))
    failed = sum(isinstance(result, Failed) for result in found)
    if failed:
        say(f"{failed} of {len(found)} failed", err=True)
    return worst([_exit_code(result) for result in found])


def _line(line: str) -> None:
    say(line, err=True)


def _print_failure(name: str, failed: Failed) -> None:
    if failed.error is None:
        say(f"{name}: {failed.trace}", err=True, nl=False)
        return
    traces.show_text(failed.trace)
    print_error(failed.error, as_json=False, subject=name)


def _failure(failed: Failed) -> Mapping[str, Any]:
    return {"code": "defect", "exit_code": 1} if failed.error is None else error_data(failed.error)


def _exit_code(result: Result | Failed) -> int:
    if isinstance(result, Failed):
        return 1 if result.error is None else result.error.exit_code
    return result.exit_code


def _named(report: Report, name: str) -> Report:
    def named(line: str) -> None:
        report("\n".join(f"{name}: {part}" for part in line.split("\n")))

    return named
