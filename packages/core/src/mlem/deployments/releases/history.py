"""What commands leave in a deployment's history: what they did, or how they failed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mlem.deployments.edge import failure_of
from mlem.deployments.releases.made_by import performer
from mlem.project.ci import current_job
from mlem.state.event import Event
from mlem.state.locks.owner import now
from mlem.state.locks.session import Session
from mlem.state.state import State
from mlem_model.errors import LockedError, MlemError, StateUnknownError
from mlem_model.interrupts import INTERRUPTS, pending, reached
from mlem_model.raised import in_words


def with_event(state: State, what: str, words: str = "") -> State:
    """Return a state that knows what this command did.

    Args:
        state: The state after it.
        what: See `Event`.
        words: What it did.
    """
    return state.with_event(_event(state, what, words, "done"))


def _event(state: State, what: str, words: str, outcome: str) -> Event:
    job, served = current_job(), state.served
    return Event(
        at=now(),
        what=what,
        outcome=outcome,
        by=performer(job),
        job_url=job.url if job else "",
        release=served.number if served else None,
        words=words,
    )


@contextlib.contextmanager
def failures_on_record(session: Session, what: str) -> Iterator[None]:
    """Write into the history how a command failed that had begun to change something.

    Without the lock or the store nothing is written: neither is ours to write to.
    """
    try:
        yield
    except (LockedError, StateUnknownError):
        raise
    except BaseException as raised:
        error = pending() or raised
        outcome = "interrupted" if isinstance(error, INTERRUPTS) else "failed"
        failure = failure_of(error)
        words = failure.message if failure else "" if isinstance(error, INTERRUPTS) else in_words(error)
        reached()
        if session.state is not None:
            with contextlib.suppress(MlemError):  # the failure counts, and is told
                session.append(_event(session.state, what, words, outcome))
        if error is raised:
            raise
        raise error from raised
