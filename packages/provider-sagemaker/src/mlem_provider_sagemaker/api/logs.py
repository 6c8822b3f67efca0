"""What an endpoint's containers wrote, from CloudWatch Logs.

Source: SageMaker developer guide, "Log groups and streams": ``/aws/sagemaker/Endpoints/[EndpointName]``, a stream for
each instance; CloudWatch Logs API reference, FilterLogEvents, DescribeLogStreams, GetLogEvents (read 2026-11).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from mlem_provider_sagemaker.api.aws import Account

_STREAMS = 10
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


def _events(account: Account, endpoint: str, since_ms: int) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {"logGroupName": group_of(endpoint), "startTime": since_ms}
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
