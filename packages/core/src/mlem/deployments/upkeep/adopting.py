"""What no state has on record, taken over: what a deployment of this name has left, or somebody else deployed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mlem.deployments.deploying import declared
from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution import engine
from mlem.deployments.execution.changes import expect_plain
from mlem.deployments.execution.locking import LockOptions, Report, lock_request
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.owner import Candidate
from mlem.deployments.releases.history import with_event
from mlem.deployments.resolving.resolve import Target, deployment_class, resolve
from mlem.deployments.step import AnyContext
from mlem.project.overlays import locate_deployment
from mlem.project.project import Name
from mlem.state.adopted import Adopted
from mlem.state.locks.owner import now
from mlem.state.locks.session import core_version
from mlem.state.pointer import write_pointer
from mlem.state.state import Release, State
from mlem_model.errors import ConflictError, NotFoundError

RECOVER = "recover"
"""What a deployment's class is capable of if it finds what serves by its marks."""
ADOPT = "adopt"
"""What it is capable of if it takes over what somebody else deployed."""


def find_candidates(name: Name, id_: str | None = None, project: Name | None = None) -> Sequence[Candidate]:
    """Return what is on the platform of a deployment that has no state, and could be taken over.

    Args:
        name: The deployment, as it is declared.
        id_: What a person points to, in the platform's words; None for whatever a deployment of this name has left.
        project: Folder that relative names start from.

    Raises:
        UserError: Its platform has no marks by which it is found.
        ConflictError: It has a state already.
    """
    return _candidates(resolve(locate_deployment(name, project)), id_, RECOVER)


def recover(
    name: Name,
    id_: str,
    *,
    other_model: bool = False,
    project: Name | None = None,
    report: Report = lambda _line: None,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
) -> tuple[DeploymentHandle, engine.Outcome]:
    """Put what serves on record again when its state is lost: a run under its lineage, which makes no second one.

    Args:
        name: The deployment, as it is declared.
        id_: The id of one of the candidates that a deployment of this name has left.
        other_model: Whether the declared model may take the place of another one that serves.
        project: Folder that relative names start from.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about the run.

    Raises:
        NotFoundError: There is no such candidate.
        ConflictError: It has a state already; or it is somebody else's; or it serves another model.
        GateError: It does not answer rightly.
    """
    handle = DeploymentHandle.of(locate_deployment(name, project), report=report, lock=lock)
    found = _pick(handle.target, id_, RECOVER)
    if not found.ours:
        raise found.owner.refusal(found.what, hint=_adopt_hint(handle.target, id_))
    if found.owner.deployment not in (None, handle.name):
        raise found.owner.refusal(found.what, hint="recover it under the name that it has")
    digest = handle.model().digest
    if found.model_hash not in (None, digest) and not other_model:
        raise ConflictError(
            f"{found.what} serves model {found.model_hash}, and declared is {digest}",
            code="other-model",
            hint="check out the commit that it was deployed from; or, to deploy the declared model in its place: "
            "--other-model",
        )
    said = replace(options, lineage=found.owner.lineage, message=options.message or f"recovered: {found.what}")
    return handle, handle.run(said)


def adopt(
    type_: str,
    name: Name,
    id_: str,
    values: Mapping[str, Any] | None = None,
    *,
    project: Name | None = None,
    report: Report = lambda _line: None,
    lock: LockOptions = LockOptions(),
) -> tuple[DeploymentHandle, Adopted]:
    """Take over what somebody else deployed: from now on it is this deployment's, and the next run replaces it.

    Args:
        type_: A deployment type, or an env type that stands for its default deployment type.
        name: The deployment; it is declared where it is not yet.
        id_: What a person points to, in the platform's words.
        values: Fields of the declaration: ``model``, ``env``.
        project: Folder that relative names start from.
        report: Called with lines of progress.
        lock: How to lock.

    Returns:
        A handle, and what was taken over.

    Raises:
        UserError: This type takes nothing over.
        NotFoundError: It is not there.
        ConflictError: The deployment has a state already; or what is there belongs to a deployment.
    """
    before = declared(deployment_class(type_), name, values or {}, project)
    target = resolve(before.place, before.deployment)
    found = _pick(target, id_, ADOPT)
    if found.ours:
        hint = f"mlem deployment state recover {target.name} --from {id_}"
        raise found.owner.refusal(found.what, hint=hint if found.owner.deployment in (None, target.name) else None)
    lineage = hashlib.sha256(f"{target.config.project.id}\n{target.name}\n{found.id}".encode()).hexdigest()[:32]
    initial = State(type=target.deployment.type, lineage=lineage, project=target.config.project.id)
    same = partial(_expect_same, target, lineage)
    request = lock_request(target, "adopt", lock, initial=initial, check=same)
    with target.manager.session(request) as session:
        try:
            adopted = take_over(target, initial, report, lambda ctx: target.deployment.adopt(ctx, found.id))
            given = {**adopted.fields, **(values or {})}
            declaration = declared(deployment_class(type_), name, given, project)
            state = adopted_state(resolve(declaration.place, declaration.deployment), adopted, initial, "unknown")
        except BaseException:
            if session.current.empty:
                session.erase()
            raise
        declaration.write()
        session.finish(with_event(state, "adopt", adopted.what))
        write_pointer(target.manager, target.location.root, target.name)
    return DeploymentHandle.of(declaration.place, report=report, lock=lock), adopted


def adopted_state(target: Target, adopted: Adopted, begun: State, model_hash: str) -> State:
    """Return the state of a deployment that was taken over: one release, of which only the platform knows how it is.

    Args:
        target: The deployment.
        adopted: What was taken over.
        begun: The state so far: its lineage, and whose it is.
        model_hash: The digest of the model, as far as it is known.
    """
    records = {record.step: record.to_data() for record in adopted.records}
    content = {
        "serial": 1,
        "model_hash": model_hash,
        "declaration": target.deployment.to_declaration(target.env.to_data()),
        "records": records,
        "written_by": core_version(),
    }
    state = begun.model_copy(update=content)
    with plugin_edge():
        place = target.deployment.place(replace(target.context(state), records=records))
    release = Release(
        number=1,
        model_hash=model_hash,
        declaration=state.declaration,
        records=records,
        created=now(),
        adopted=True,
    )
    return state.model_copy(update={"place": place, "releases": (release,)})


@plugin_edge()
def take_over(target: Target, begun: State, report: Report, adopt: Callable[[AnyContext], Adopted]) -> Adopted:
    """Let the provider take something over, and check that a state can keep what it returns.

    Args:
        target: The deployment.
        begun: Its state so far, with its lineage.
        report: Called with lines of progress.
        adopt: Takes it over.
    """
    ctx = target.context(begun, report)
    adopted = adopt(ctx)
    records = {record.step: record for record in adopted.records}
    for step in target.deployment.steps(ctx):
        if step.name in records:
            expect_plain(step, records[step.name], "adopt")
    return adopted


def _pick(target: Target, id_: str, capability: str) -> Candidate:
    found = _candidates(target, id_, capability)
    if len(found) != 1:
        what = f'there is no "{id_}"' if not found else f'"{id_}" may be one of {len(found)}'
        raise NotFoundError(
            f'{what} on the platform of "{target.name}"',
            known=[one.id for one in found],
            code="nothing-to-take-over",
        )
    return found[0]


@plugin_edge()
def _candidates(target: Target, id_: str | None, capability: str) -> Sequence[Candidate]:
    deployment = target.deployment
    deployment.expect_capability(capability)
    state = target.read_state()
    if state is not None and not state.empty:
        raise ConflictError(
            f'"{target.name}" has a state already: {state!r}',
            code="has-a-state",
            hint=f"mlem deployment status {target.name}; "
            f"if it is not right: mlem deployment state forget {target.name}",
        )
    return [*deployment.candidates(target.context(State(type=deployment.type, lineage="")), id_)]


def _adopt_hint(target: Target, id_: str) -> str | None:
    if ADOPT not in target.deployment.capabilities:
        return None
    return f"if it is to be taken over: mlem deployment adopt {target.deployment.type} {target.name} --from {id_}"


def _expect_same(target: Target, lineage: str, there: State) -> None:
    if there.lineage != lineage:
        raise ConflictError(
            f"{target.store.where(target.name)}: there is a state of another deployment", code="other-lineage"
        )
