"""One view of what is done with one deployment or several: progress, results, failures, and one exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlem.cli.deployment.processes import Failed, Processes
from mlem.cli.deployment.results import Entry
from mlem.cli.terminal import job_summary, traces
from mlem.cli.terminal.messages import WARNING, note, say
from mlem.cli.terminal.output import error_data, print_error, print_result, to_json
from mlem.cli.terminal.progress import Report, lines, progress
from mlem.deployments.edge import failure_of
from mlem.deployments.overview.selection import Selected

WORST_FIRST = (1, 7, 8, 6, 9, 5, 4, 3, 2, 10)
"""Exit codes, the worst first: what is broken, what may be broken, what was refused, what differs."""
Summary = Callable[[Sequence[Entry]], str]
"""Makes Markdown of results, for a comment or the summary of a CI job."""


@dataclass(frozen=True)
class Result:
    """What a command has to say about one deployment.

    Attributes:
        name: The deployment's name.
        data: The result as plain data.
        text: The result for a person.
        exit_code: 0, or 10 where it differs.
        done: What was done, in a few words.
        took_s: How long it took, in seconds.
    """

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    exit_code: int = 0
    done: str = ""
    took_s: float = 0.0

    def entry(self) -> Entry:
        """Return what a summary has of it."""
        return Entry(self.name, self.done, self.data, took_s=self.took_s)


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of a command from those of its parts."""
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=0))


def for_one(name: str, work: Callable[[Report], Result], output: str, summary: Summary | None = None) -> Result:
    """Do something with one deployment, print the result, and return it.

    Args:
        name: The deployment's name.
        work: What is done; its lines of progress are shown.
        output: ``text``, ``json`` or ``markdown``.
        summary: Makes the summary of a CI job; None for none.
    """
    try:
        with progress(times=True) as report:
            result = _timed(lambda: work(report))
    except Exception as error:
        failure = failure_of(error)
        if failure is not None and summary is not None:
            job_summary.add(summary([Entry(name, error=error_data(failure))]))
        raise
    markdown = summary([result.entry()]) if summary is not None else ""
    print_result(output, result.data, markdown if output == "markdown" else result.text)
    if markdown:
        job_summary.add(markdown)
    return result


def for_each(
    selected: Sequence[Selected],
    work: Callable[[Selected, Report], Result],
    output: str,
    *,
    parallel: int,
    summary: Summary | None = None,
) -> int:
    """Do the same with several deployments at once, print the results, and return the exit code of the worst.

    Args:
        selected: The deployments.
        work: What is done with one; its lines of progress are shown with the deployment's name.
        output: ``text``, ``json`` or ``markdown``.
        parallel: How many at once.
        summary: Makes the summary of a CI job; None for none.
    """
    processes: Processes[Selected, Result] = Processes(
        lambda one, report: _alone(one, work, _named(report, one.name)), note, parallel=parallel
    )
    found = processes.all(selected)
    for one, result in zip(selected, found, strict=True):
        if isinstance(result, Failed):
            _print_failure(one.name, result)
        elif output == "text":
            say(result.text)
    entries = [
        Entry(one.name, error=_failure(result)) if isinstance(result, Failed) else result.entry()
        for one, result in zip(selected, found, strict=True)
    ]
    if output == "json":
        say(to_json([one.data if one.error is None else {"name": one.name, "error": one.error} for one in entries]))
    if summary is not None:
        markdown = summary(entries)
        if output == "markdown":
            say(markdown)
        if entries:
            job_summary.add(markdown)
    failed = sum(isinstance(result, Failed) for result in found)
    if failed:
        say(f"{failed} of {len(found)} failed", err=True)
    return worst([_exit_code(result) for result in found])


def _alone(one: Selected, work: Callable[[Selected, Report], Result], show: Report) -> Result:
    with lines(show) as report:
        return _timed(lambda: work(one, report))


def _timed(work: Callable[[], Result]) -> Result:
    began = time.monotonic()
    result = work()
    return replace(result, took_s=time.monotonic() - began)


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
        kind = WARNING if line.startswith(WARNING) else ""
        report(kind + "\n".join(f"{name}: {part}" for part in line.removeprefix(kind).split("\n")))

    return named
