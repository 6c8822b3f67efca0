"""``mlem deployment status`` and ``wait``: what a deployment is doing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import NoReturn

import click

from mlem.cli.deployment.handles import chosen, handle, names_argument, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal import traces
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.cli.terminal.progress import progress
from mlem.cli.terminal.streams import reader_is_gone
from mlem.deployments.deployment import Phase
from mlem.deployments.overview.selection import Selected
from mlem.deployments.overview.summary import DeploymentSummary, asked
from mlem_model.errors import MlemError, UserError

_WATCH_S = 2.0
"""How often a deployment is looked at that is watched."""


@click.command()
@names_argument
@click.option("--check", is_flag=True, help="Look at each resource; exit with 10 unless it runs as it was left.")
@click.option("--watch", is_flag=True, help="Go on, and show each change, until Ctrl-C.")
@state_option
@project_option
@output_option
def status(
    names: tuple[str, ...],
    everything: bool,
    check: bool,
    overlay: str | None,
    watch: bool,
    store: str | None,
    project: str | None,
    output: str,
) -> int:
    """Show what a deployment is doing: one word on stdout, the reason on stderr; on a terminal also what serves.

    Several are shown in a table.
    """
    selected, single = chosen(names, everything, project, store, overlay)
    if watch:
        _watch(selected, output)
    if not single:
        return _several(selected, check, output)
    target = selected[0].handle().target
    found = asked(target, target.read_state(), declared=target.declared, drift=check)
    if output == "json":
        print_result(output, asdict(found), "")
    else:
        say(found.status)
        if found.reason:
            say(found.reason, err=True)
        for change in found.drift:
            say(f"{change.step} differs: {change.reason}", err=True)
        if found.locked_by:
            say(f"locked by {found.locked_by}", err=True)
        if sys.stdout.isatty():
            for line in _details(found):
                say(line)
    return 10 if check and not found.runs else 0


def _several(selected: Sequence[Selected], check: bool, output: str) -> int:
    from mlem.cli.deployment.inspection.table import summaries
    from mlem.cli.deployment.several import worst
    from mlem.deployments.overview.listing import summarize

    errors: list[MlemError] = []

    def keep(error: MlemError) -> None:
        traces.show(error)
        errors.append(error)

    found = summarize(selected, drift=check, on_error=keep)
    print_result(output, [asdict(one) for one in found], summaries(found))
    codes = [error.exit_code for error in errors]
    return worst([*codes, 10] if check and not all(one.runs for one in found) else codes)


def _watch(selected: Sequence[Selected], output: str) -> NoReturn:
    """Print a line for each change, until an interrupt."""
    from mlem.deployments.overview.listing import summarize

    seen: dict[str, str] = {}
    while True:
        for one in summarize(selected):
            words = ": ".join(filter(None, [one.status, one.error or one.reason]))
            if seen.get(one.name) != words:
                seen[one.name] = words
                at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                print_result(output, {"at": at, **asdict(one)}, f"{at} {one.name} {words}")
                sys.stdout.flush()
        if reader_is_gone():
            raise SystemExit(0)
        time.sleep(_WATCH_S)


def _details(found: DeploymentSummary) -> Iterator[str]:
    """Yield what serves, where, since when, and who made it: for a person."""
    from mlem.cli.deployment.inspection.table import ago

    lines = [
        ("release", "" if found.release is None else str(found.release)),
        ("model", f"{found.model} ({found.model_hash})" if found.release is not None else ""),
        ("url", found.url or ""),
        ("since", ", ".join(filter(None, [found.since, ago(found.since)]))),
        ("by", found.by),
    ]
    for word, value in lines:
        if value:
            yield f"{word}: {value}"


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--status", "-s", "statuses", multiple=True, default=("running",), help="A status to wait for; may be repeated."
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=300.0, help="How many seconds to wait.")
@state_option
@project_option
@output_option
def wait(
    name: str,
    statuses: tuple[str, ...],
    timeout_s: float,
    store: str | None,
    project: str | None,
    output: str,
) -> None:
    """Wait until a deployment has a status."""
    words = [member.value for member in Phase]
    wrong = next((word for word in statuses if word not in words), None)
    if wrong is not None:
        raise UserError(f'no status "{wrong}"', known=words)
    with progress() as report:
        report(f"waiting up to {timeout_s:g} s for {' or '.join(statuses)}")
        seen = handle(name, project, store).wait([Phase(word) for word in statuses], timeout_s)
    print_result(output, {"status": seen.phase.value, "reason": seen.reason}, seen.phase.value)
