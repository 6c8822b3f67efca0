"""The log of a deployment: of what runs, or of what ran before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mlem.deployments import log_lines
from mlem.deployments.edge import under_edge
from mlem.deployments.execution.status import expect_deployed
from mlem.deployments.resolving.resolve import Target
from mlem_model.errors import UserError


def read_log(
    target: Target, *, follow: bool, tail: int | None, since: datetime | timedelta | None, previous: bool
) -> Iterator[str]:
    """Return the lines of a log, oldest first; see `DeploymentHandle.logs`."""
    if previous and follow:
        raise UserError(
            "what ran before writes no more lines", code="previous-log-ended", hint="leave out --follow or --previous"
        )
    if previous:
        target.deployment.expect_capability("previous-logs")
    state = expect_deployed(target)
    ctx = target.context(state)
    if since is None and not previous:
        return under_edge(target.deployment.logs(ctx, state, follow=follow, tail=tail))
    lines = under_edge(
        target.deployment.previous_logs(ctx, state)
        if previous
        else target.deployment.logs(ctx, state, follow=follow, tail=None)
    )
    if since is not None:
        moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since
        lines = log_lines.since(lines, moment if moment.tzinfo else moment.astimezone())
    return lines if follow else log_lines.last(lines, tail)
