"""What comes after a failure: the last good release is put back, or what was left is said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlem.deployments.edge import failure_of
from mlem.deployments.execution.locking import Report
from mlem.deployments.execution.reconcile import prune, restore, state_of
from mlem.deployments.resolve import Target
from mlem.deployments.step import AnyContext, AnyStep
from mlem.state.session import Session
from mlem.state.state import Release, State
from mlem_model.errors import GateError, LockedError, MlemError, StateUnknownError
from mlem_model.raised import in_words


def gate(target: Target, ctx: AnyContext, state: State, model_hash: str | None) -> None:
    """Let a release pass the gate; see `mlem.deployments.execution.gate.pass_gate`."""
    from mlem.deployments.execution.gate import pass_gate  # late: only what deploys asks the model

    pass_gate(target.deployment, ctx, state, model_hash)


def tell_crash(target: Target, ctx: AnyContext, state: State) -> None:
    """Report why something crashed before it is replaced; see `mlem.deployments.execution.gate.tell_crash`."""
    from mlem.deployments.execution.gate import tell_crash as tell

    tell(target.deployment, ctx, state)


def same_release(state: State, served: Release) -> State:
    """Return a state whose newest release has its present records.

    A process that was put back or started again has another pid.
    """
    return state.model_copy(
        update={"releases": (served.model_copy(update={"records": state.records}), *state.releases[1:])}
    )


@contextlib.contextmanager
def putting_back(
    target: Target, session: Session, steps: Sequence[AnyStep], ctx: AnyContext, served: Release | None, model_hash: str
) -> Iterator[None]:
    """Put the last good release back after a failure within, and say so in the error; without the lock or the store, say what was left.

    Args:
        target: The deployment.
        session: The lock on it.
        steps: Its steps.
        ctx: Their context.
        served: The last good release; None where there is none.
        model_hash: The model that is to serve.
    """
    try:
        yield
    except (LockedError, StateUnknownError) as error:
        raise _left(target, model_hash, error) from error
    except BaseException as error:
        ended = _put_back(target, session, steps, ctx, served, model_hash, error)
        if ended is error:
            raise
        raise ended from error


def _left(target: Target, model_hash: str, error: MlemError) -> Exception:
    """Say how things were left when the lock or the store was lost.

    Putting back is not ours any more, but of whoever has the lock now.
    """
    again = f"then repeat the command, which goes on from there: mlem deployment run --load {target.name}"
    return _extended(error, _may_serve(model_hash), f"{error.hint}; {again}" if error.hint else again, last=True)


def _may_serve(model_hash: str) -> str:
    return f"the new release (model {model_hash}) may serve already, and has not passed the gate"


def _put_back(
    target: Target,
    session: Session,
    steps: Sequence[AnyStep],
    ctx: AnyContext,
    served: Release | None,
    model_hash: str,
    raised: BaseException,
) -> BaseException:
    """Put the last good release back after a failure, and say so in the error that is returned, to be raised."""
    name, error = target.name, failure_of(raised) or raised
    if not isinstance(error, Exception):
        return error  # an interrupt: the records stand, and the next run goes on from them
    if served is None:
        hint = f"look: mlem deployment logs {name}; clean up: mlem deployment remove {name}"
        sentence = "there is no earlier release to put back" if isinstance(error, GateError) else ""
        return _extended(error, sentence, hint)
    ctx = replace(ctx, report=_careless(ctx.report))
    ctx.report(f"failed; putting release {served.number} back")
    try:
        ctx = restore(session, steps, ctx, served)
        gate(target, ctx, state_of(session), served.answers_for)
        state = session.save(same_release(state_of(session), served))
        prune(steps, ctx, state)
    except BaseException as second:
        failure = failure_of(second)
        if failure is None and not isinstance(second, Exception):
            raise
        why = failure.message if failure else in_words(second)
        words = f"release {served.number} could not be put back either: {why}\n{_may_serve(model_hash)}"
        what = f"when that is put right, repeat the command; or put the release back: mlem deployment rollback {name} --to {served.number}"
        return _extended(error, f"{words}\n{what}", f"mlem deployment status {name}", last=True)
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
    hint = hint if last else error.hint or hint
    extended: MlemError = type(error).__new__(type(error))
    MlemError.__init__(extended, f"{error.message}\n{sentence}".rstrip(), hint=hint, known=error.known, code=error.code)
    return extended
