"""What a deployment is doing: the states of its dynos, then the server's own word.

With as few calls of the API as will do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mlem import MlemError, Phase, Status
from mlem_provider_heroku.api.error_codes import explain, last_code, last_exit
from mlem_provider_heroku.api.logs import read
from mlem_provider_heroku.api.platform import Heroku
from mlem_provider_heroku.names import LINEAGE_VAR
from mlem_provider_heroku.records import AppRecord, ReleaseRecord
from mlem_provider_heroku.steps.foreign import Foreign
from mlem_provider_heroku.steps.snapshot import UP

PROBE_TIMEOUT_S = 2.0
_HINT = "mlem deployment plan shows what differs, a run puts it right"
ASLEEP = "asleep: the next request wakes it"
_CRASH_LINES = 100
_FIRST_PAUSE_S, _LAST_PAUSE_S, _LEAST_PAUSE_S = 2.0, 16.0, 0.5
_FEW_CALLS = 500


@dataclass
class Watch:
    """What was seen of a release while one waits for it: who polls must not spend a call of the API each time.

    Attributes:
        seen: The last status that needed the API.
        at: When, on the monotonic clock.
        pause_s: How long it stays true enough.
    """

    seen: Status = field(default_factory=lambda: Status(Phase.UNKNOWN))
    at: float = float("-inf")
    pause_s: float = _FIRST_PAUSE_S


_watches: dict[tuple[str, str], Watch] = {}


def status(heroku: Heroku, app: AppRecord, release: ReleaseRecord, url: str, name: str) -> Status:
    """Say what a release is doing.

    The first look asks the API. While the dynos start, further ones ask the server alone, and the API again after a
    pause that grows, or when the server has become ready.

    Args:
        heroku: The API.
        app: The app's record.
        release: The release's record.
        url: The public address.
        name: The deployment's name.
    """
    from mlem.provider import adopted_responds
    from mlem.provider import ready as ready_now

    ready = partial(adopted_responds, release.adopted) if release.adopted else ready_now
    watch = _watches.setdefault((app.app_id, release.release_id), Watch())
    age_s = time.monotonic() - watch.at
    waiting = watch.seen.phase is Phase.STARTING
    if waiting and age_s < watch.pause_s:
        is_ready, reason = ready(url, PROBE_TIMEOUT_S)
        if not is_ready or age_s < _LEAST_PAUSE_S:
            return Status(Phase.STARTING, watch.seen.reason if is_ready else reason)
    watch.seen = _of_dynos(heroku, app, heroku.dynos(app.app_id), release.version)
    watch.at = time.monotonic()
    slow = heroku.remaining is not None and heroku.remaining < _FEW_CALLS
    watch.pause_s = _LAST_PAUSE_S if slow else min(_LAST_PAUSE_S, watch.pause_s * 2 if waiting else _FIRST_PAUSE_S)
    if watch.seen.phase is not Phase.RUNNING or watch.seen.reason == ASLEEP:
        return watch.seen
    is_ready, reason = ready(url, PROBE_TIMEOUT_S)
    if not is_ready:
        watch.seen = _of_app(heroku, app, name) or Status(Phase.STARTING, reason)
    return watch.seen


def _of_app(heroku: Heroku, app: AppRecord, name: str) -> Status | None:
    """Say why an app does not answer though its dynos are up.

    The result is None where it is not the app.
    """
    found = heroku.app(app.app_id)
    if found is None or not found["maintenance"]:
        return None
    how = f"mlem deployment maintenance {name} off ends it, and so does a run"
    return Status(Phase.STOPPED, f"the app is in maintenance mode, its callers get status 503: {how}")


def _of_dynos(heroku: Heroku, app: AppRecord, dynos: Sequence[Mapping[str, Any]] | None, version: int) -> Status:
    if dynos is None:
        return Status(Phase.CRASHED, f"the app {app.app_name} is gone")
    if not dynos:
        return Status(Phase.STOPPED, "no web dyno: somebody scaled the app to none")
    name = dynos[0]["app"]["name"]
    if name != app.app_name:
        return Status(Phase.STOPPED, f"somebody renamed the app to {name}, and its old address is dead: {_HINT}")
    foreign = None
    if any(dyno["release"]["version"] > version for dyno in dynos):
        foreign = Foreign.of(heroku.releases_since(app.app_id, version), version)
    note = (
        f"release v{foreign.version} is not ours: {foreign.what}; on record is v{version}: {_HINT}" if foreign else ""
    )
    if foreign is not None and not (foreign.same_model and _is_marked(heroku, app)):
        return Status(Phase.UNKNOWN, note)
    for dyno in dynos:
        state, runs = dyno["state"], dyno["release"]["version"]
        if runs < version:
            return Status(Phase.STARTING, f"{dyno['name']} still runs release v{runs}")
        if state == "crashed":
            return Status(Phase.CRASHED, f"{dyno['name']} crashed{_why(heroku, app)}{f'; {note}' if note else ''}")
        if state not in (*UP, "starting", "restarting"):
            return Status(Phase.STOPPED, f"{dyno['name']} is {state}")
    for dyno in dynos:
        if dyno["state"] not in UP:
            return Status(Phase.STARTING, f"{dyno['name']} is {dyno['state']}")
    if all(dyno["state"] == "idle" for dyno in dynos):
        return Status(Phase.RUNNING, ASLEEP)
    return Status(Phase.RUNNING, note)


def _is_marked(heroku: Heroku, app: AppRecord) -> bool:
    """Say whether the app has our mark still."""
    values = heroku.config_vars(app.app_id) or {}
    return values.get(LINEAGE_VAR) == str(app.lineage)


def _why(heroku: Heroku, app: AppRecord) -> str:
    """Say why a dyno crashed, by its last log lines.

    The result is empty where they do not tell.
    """
    try:
        lines = list(read(heroku, app.app_id, _CRASH_LINES))
    except MlemError:
        return ""
    code, status = last_code(lines), last_exit(lines)
    words = [explain(code)] if code else [f"exit status {status}"] if status else []
    # the server's own words: the one that names an error where there is one, since a hint or a traceback's end may come
    # after it
    said = [line.partition("]: ")[2] for line in lines if " app[web." in line]
    last = next((line for line in reversed(said) if "error" in line.lower()), said[-1] if said else "")
    return "".join(f": {word}" for word in words) + (f"; it said: {last}" if last else "")
