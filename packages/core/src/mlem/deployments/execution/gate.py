"""The gate: a release counts as running only when its public address gives the right answer to a sample row."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlem.deployments.deployment import Deployment, Phase, Status
from mlem.deployments.edge import failure_of, under_edge
from mlem.deployments.step import AnyContext
from mlem.state.state import State
from mlem_model.errors import GateError, MlemError
from mlem_model.serving.protection import TOKEN_VARIABLE, TOKENS_VARIABLE, given_tokens, tokens_in

if TYPE_CHECKING:
    from mlem.clients.client import Client

LOG_LINES = 20


def await_status(
    deployment: Deployment,
    ctx: AnyContext,
    state: State,
    wanted: frozenset[Phase],
    timeout_s: float,
    *,
    give_up: Callable[[Status], bool] = lambda _condition: False,
) -> Status:
    """Poll until a deployment has one of some statuses, or giving up is right, or the time is over.

    Returns:
        The last status seen, whatever it is.
    """
    deadline = time.monotonic() + timeout_s
    pauses = deployment.pauses()
    while True:
        status = deployment.status(ctx, state)
        if status.phase in wanted or give_up(status) or time.monotonic() >= deadline:
            return status
        ctx.guard()
        time.sleep(min(next(pauses), max(0.0, deadline - time.monotonic())))


def pass_gate(deployment: Deployment, ctx: AnyContext, state: State, model_hash: str | None) -> None:
    """Let a release through only when it answers as its model did when it was saved.

    Args:
        deployment: The declaration.
        ctx: The context; its model has the sample rows. Without a model the samples are those that the server has of
            it, which it verified against the digest.
        state: The state with the records of all steps.
        model_hash: The digest of the model that has to answer; None when nothing is known of its answers: then it has
            to run.

    Raises:
        GateError: It crashed, did not get ready in time, serves another model, or answered wrongly.
    """
    ctx.report("waiting until it answers as the saved model did")
    status = await_status(
        deployment,
        ctx,
        state,
        frozenset({Phase.RUNNING}),
        deployment.gate_timeout_s,
        give_up=lambda seen: seen.phase in (Phase.CRASHED, Phase.STOPPED, Phase.NOT_DEPLOYED),
    )
    if status.phase is not Phase.RUNNING:
        waited = f" after {deployment.gate_timeout_s:g} s" if status.phase is Phase.STARTING else ""
        why = f": {status.reason}" if status.reason else ""
        raise GateError(f"the new release is {status.phase}{waited}{why}{last_lines(deployment, ctx, state)}")
    if model_hash is None:
        return
    try:
        with _with_token(deployment.client(ctx, state)) as client:
            _check_answers(client, ctx, model_hash)
    except GateError:
        raise
    except MlemError as error:
        raise GateError(
            f"the new release did not answer: {error.message}{last_lines(deployment, ctx, state)}"
        ) from error


def _with_token(client: Client) -> Client:
    """Return a client with one of the tokens that this command gives to the server, unless the caller has one."""
    text = None if os.environ.get(TOKEN_VARIABLE) else given_tokens()
    if text is None or "token" not in type(client).model_fields:
        return client
    return client.with_options(token=tokens_in(text, TOKENS_VARIABLE)[0])


def _check_answers(client: Client, ctx: AnyContext, model_hash: str) -> None:
    from mlem_model.models.samples import all_samples, wrong_answers

    interface = client.interface
    if interface.digest != model_hash:
        raise GateError(f"the address answers for model {interface.digest}, not for {model_hash}")
    samples = all_samples(ctx.model, ctx.model.folder) if ctx.model is not None else interface.samples
    if not samples:
        saved = "the model was saved without sample data: its answers are not checked"
        ctx.report(
            saved if ctx.model is not None else "the server shows no sample row: it has asked its own when it started"
        )
    answers = client.call_all({method: dict(sample.args) for method, sample in samples.items()}) if samples else {}
    for wrong in wrong_answers(samples, lambda method, _sample: answers[method]):
        raise GateError(
            f"{wrong.method} of the sample row answers {wrong.got}, the saved model answered {wrong.expected}"
        )


def tell_crash(deployment: Deployment, ctx: AnyContext, state: State) -> None:
    """Report why something crashed, with its last log lines, before it is replaced: they go with it.

    A failure to tell is none.
    """
    try:
        status = deployment.status(ctx, state)
        crashed, reason = status.phase is Phase.CRASHED, status.reason
    except BaseException as error:
        if failure_of(error) is None:
            raise
        return
    if crashed:
        why = f" ({reason})" if reason else ""
        ctx.report(f"what is replaced had crashed{why}{last_lines(deployment, ctx, state)}")


def last_lines(deployment: Deployment, ctx: AnyContext, state: State) -> str:
    """Return the last log lines, indented, for a message; empty where there are none."""
    if "logs" not in deployment.capabilities:
        return ""
    try:
        lines = deque(under_edge(deployment.logs(ctx, state, follow=False, tail=LOG_LINES)), maxlen=LOG_LINES)
    except MlemError:
        return ""
    return "".join(f"\n    | {line}" for line in lines)
