"""What comes after a failure: the last good release is put back, or what was left is said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from mlem.deployments.edge import failure_of
from mlem.deployments.execution.locking import Report
from mlem.deployments.execution.reconcile import Reconciler
from mlem.deployments.releases.history import failures_on_record
from mlem.state.state import Release, State
from mlem_model.errors import GateError, LockedError, MlemError, StateUnknownError
from mlem_model.interrupts import pending
from mlem_model.raised import in_words


def gate(work: Reconciler, model_hash: str | None) -> None:
    """Let what is on record pass the gate; see `mlem.deployments.execution.gate.pass_gate`."""
    from mlem.deployments.execution.gate import pass_gate  # late: only what deploys asks the model

    pass_gate(work.target.deployment, work.ctx, work.state, model_hash)


def tell_crash(work: Reconciler) -> None:
    """Report why something crashed before it is replaced; see `mlem.deployments.execution.gate.tell_crash`."""
    from mlem.deployments.execution.gate import tell_crash as tell

    tell(work.target.deployment, work.ctx, work.state)


def same_release(state: State, served: Release) -> State:
    """Return a state whose newest release has its present records.

    A process that was put back or started again has another pid.
    """
    return state.model_copy(
        update={"releases": (served.model_copy(update={"records": state.records}), *state.releases[1:])}
    )


@contextlib.contextmanager
def putting_back(work: Reconciler, served: Release | None, model_hash: str, what: str) -> Iterator[None]:
    """Put the last good release back after a failure within, and say so in the error.

    Without the lock or the store, what was left is said instead.

    Args:
        work: The deployment under its lock.
        served: The last good release; None where there is none.
        model_hash: The model that is to serve.
        what: The command, for the history.
    """
    with failures_on_record(work.session, what), _put_back_after(work, served, model_hash):
        yield


@contextlib.contextmanager
def _put_back_after(work: Reconciler, served: Release | None, model_hash: str) -> Iterator[None]:
    try:
        yield
    except (LockedError, StateUnknownError) as error:
        raise _left(work.target.name, model_hash, error) from error
    except BaseException as error:
        ended = _put_back(work, served, model_hash, error)
        if ended is error:
            raise
        raise ended from error


def _left(name: str, model_hash: str, error: MlemError) -> Exception:
    """Say how things were left when the lock or the store was lost.

    Putting back is not ours any more, but of whoever has the lock now.
    """
    again = f"then repeat the command, which goes on from there: mlem deployment run --load {name}"
    return _extended(error, _may_serve(model_hash), f"{error.hint}; {again}" if error.hint else again, last=True)


def _may_serve(model_hash: str) -> str:
    return f"the new release (model {model_hash}) may serve already, and has not passed the gate"


def _put_back(work: Reconciler, served: Release | None, model_hash: str, raised: BaseException) -> BaseException:
    """Put the last good release back after a failure, and say so in the error that is returned, to be raised."""
    name, error = work.target.name, pending() or failure_of(raised) or raised
    if not isinstance(error, Exception):
        return error  # an interrupt: the records stand, and the next run goes on from them
    if served is None:
        hint = f"look: mlem deployment logs {name}; clean up: mlem deployment remove {name}"
        sentence = "there is no earlier release to put back" if isinstance(error, GateError) else ""
        return _extended(error, sentence, hint)
    work.ctx = replace(work.ctx, report=_careless(work.ctx.report))
    work.ctx.report(f"failed; putting release {served.number} back")
    try:
        work.restore(served)
        gate(work, served.answers_for)
        work.session.save(same_release(work.state, served))
        work.prune()
    except BaseException as second:
        failure = failure_of(second)
        if failure is None and not isinstance(second, Exception):
            raise
        why = failure.message if failure else in_words(second)
        return _extended(
            error,
            f"release {served.number} could not be put back either: {why}\n{_may_serve(model_hash)}\n"
            "when that is put right, repeat the command; or put the release back: "
            f"mlem deployment rollback {name} --to {served.number}",
            f"mlem deployment status {name}",
            last=True,
        )
    return _extended(error, f"release {served.number} (model {served.model_hash}) serves again", None)


def _careless(report: Report) -> Report:
    """Return a report whose failures end nothing: it may be what made the run fail."""

    def careless(line: str) -> None:
        with contextlib.suppress(Exception):
            report(line)

    return careless


def _extended(error: Exception, sentence: str, hint: str | None, *, last: bool = False) -> Exception:
    """Add to an error what was done about it; the hint is for one that has none, or the last word."""
    if not isinstance(error, MlemError):
        error.add_note(sentence)
        return error
    return error.extended(sentence, hint if last else error.hint or hint)
