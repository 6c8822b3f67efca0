"""What an endpoint's containers wrote, from CloudWatch Logs.

Source: SageMaker developer guide, "Log groups and streams": ``/aws/sagemaker/Endpoints/[EndpointName]``, a stream for
each instance; CloudWatch Logs API reference, FilterLogEvents, DescribeLogStreams, GetLogEvents (read 2026-11).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mlem import NotFoundError
from mlem_provider_sagemaker.api.aws import Account

_STREAMS = 10
_MOST_STREAMS = 100
"""How many streams one call may name. Source: CloudWatch Logs API reference, FilterLogEvents, logStreamNames (read
2026-11)."""
_FOLLOW_POLL_S = 2.0
_LATE_MS = 30_000
"""Events of several instances may arrive out of order by some seconds."""


def group_of(endpoint: str) -> str:
    """Return the name of an endpoint's log group."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def lines(account: Account, endpoint: str, *, follow: bool, tail: int | None) -> Iterator[str]:
    """Yield lines, oldest first.

    Args:
        account: Where the endpoint is.
        endpoint: Its name.
        follow: Go on with new lines until the endpoint is gone.
        tail: Begin with this many last lines; None for all.
    """
    events = _events(account, endpoint, 0) if tail is None else iter(_last(account, endpoint, tail))
    seen: dict[str, int] = {}
    newest = 0
    for event in events:
        yield _text(event)
        newest = max(newest, event["timestamp"])
        seen[_identity(event)] = event["timestamp"]
    while follow:
        time.sleep(_FOLLOW_POLL_S)
        alive = account.endpoint(endpoint) is not None
        for event in list(_events(account, endpoint, max(0, newest - _LATE_MS))):
            if _identity(event) not in seen:
                yield _text(event)
                newest = max(newest, event["timestamp"])
                seen[_identity(event)] = event["timestamp"]
        seen = {identity: moment for identity, moment in seen.items() if moment >= newest - _LATE_MS}
        if not alive:
            return


def previous(account: Account, endpoint: str, config: str | None, released: datetime) -> Iterator[str]:
    """Yield what the instances wrote that were there before the present release.

    Each instance has a stream of its own. Those of the present release were made since its configuration was, and since
    the release before it had passed its gate: a configuration that is put back is older than that.

    Args:
        account: Where the endpoint is.
        endpoint: Its name.
        config: The name of its configuration.
        released: When the release before had passed its gate.
    """
    what = f"read the logs of {endpoint}"
    found = account.find(what, "sagemaker", "describe_endpoint_config", EndpointConfigName=config) if config else None
    until = max(released, found["CreationTime"]) if found else released
    streams = account.pages(what, "logs", "describe_log_streams", "logStreams", logGroupName=group_of(endpoint))
    try:
        names = [one["logStreamName"] for one in streams if one["creationTime"] < until.timestamp() * 1000]
    except NotFoundError:  # nothing was ever written
        names = []
    events: list[Mapping[str, Any]] = []
    for at in range(0, len(names), _MOST_STREAMS):
        events += _events(account, endpoint, 0, names[at : at + _MOST_STREAMS])
    yield from map(_text, sorted(events, key=lambda event: event["timestamp"]))


def _events(account: Account, endpoint: str, since_ms: int, streams: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {"logGroupName": group_of(endpoint), "startTime": since_ms}
    if streams:
        request["logStreamNames"] = list(streams)
    while True:
        page = account.find(f"read the logs of {endpoint}", "logs", "filter_log_events", **request)
        if page is None:
            return
        yield from page["events"]
        if not page.get("nextToken"):
            return
        request["nextToken"] = page["nextToken"]


def _last(account: Account, endpoint: str, count: int) -> list[Mapping[str, Any]]:
    what, group = f"read the logs of {endpoint}", group_of(endpoint)
    found = account.find(
        what,
        "logs",
        "describe_log_streams",
        logGroupName=group,
        orderBy="LastEventTime",
        descending=True,
        limit=_STREAMS,
    )
    events: list[Mapping[str, Any]] = []
    for stream in found["logStreams"] if found and count else ():
        name = stream["logStreamName"]
        page = account.find(
            what, "logs", "get_log_events", logGroupName=group, logStreamName=name, limit=min(count, 10_000)
        )
        events += [{**event, "logStreamName": name} for event in (page["events"] if page else ())]
    events.sort(key=lambda event: event["timestamp"])
    return events[-count:] if count else []


def _identity(event: Mapping[str, Any]) -> str:
    return f"{event['logStreamName']}/{event['timestamp']}/{event['message']}"


def _text(event: Mapping[str, Any]) -> str:
    return str(event["message"]).rstrip("\r\n")
