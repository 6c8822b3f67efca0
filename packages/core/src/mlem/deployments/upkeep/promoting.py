"""From what one deployment serves to another: the same model, and what its provider can take over unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlem.deployments.deploying import Declaration, declared
from mlem.deployments.execution import engine
from mlem.deployments.execution.locking import LockOptions, Report, expect_ours
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.promotion import Promotion
from mlem.deployments.resolving.resolve import Target, resolve, resolve_model
from mlem.deployments.step import Change
from mlem.project.overlays import locate_deployment
from mlem.project.project import Name
from mlem.state.state import Release
from mlem_model.errors import ConflictError, MlemError, UserError
from mlem_model.objects.object import EXTENSION

CAPABILITY = "promote"
"""What a deployment's class is capable of if it takes over what was made for another one."""


@dataclass(frozen=True)
class Prepared:
    """A promotion that was found possible.

    Attributes:
        promotion: The release.
        declaration: The declaration of the deployment that is to serve it, with the model's name.
        handle: That deployment.
    """

    promotion: Promotion
    declaration: Declaration
    handle: DeploymentHandle

    @property
    def note(self) -> str:
        """What is not taken over; empty where everything is."""
        if self.promotion.records and CAPABILITY in self.handle.deployment.capabilities:
            return ""
        type_ = self.handle.deployment.type
        return f"note: the model is the same; everything else is made again for this {type_} deployment"

    def plan(self) -> Sequence[Change]:
        """Say what the promotion would do to each resource."""
        return engine.plan(self.handle.target, self.handle.model(), self.promotion)


def prepare(source: Name, name: Name, project: Name | None = None) -> Prepared:
    """Look up what a deployment serves, and whether another one can serve it.

    Args:
        source: The deployment that serves it.
        name: The deployment that is to serve it.
        project: Folder that relative names start from.

    Raises:
        ConflictError: Nothing has passed a gate there, or its model is not here any more.
        NotFoundError: One of them is not declared.
        UserError: They are the same.
    """
    there = resolve(locate_deployment(source, project))
    place = locate_deployment(name, project)
    if place.key == there.name and place.root == there.location.root:
        raise UserError(f'"{place.key}" can\'t be promoted to itself', hint="mlem deployment promote SOURCE NAME")
    here = declared(None, name, {}, project)
    state = there.read_state()
    if state is not None:
        expect_ours(there, state)
    if state is None or state.served is None or state.served.adopted:
        raise ConflictError(
            f'"{there.name}" has no release that passed its gate: there is nothing to promote',
            code="nothing-to-promote",
            hint=f"mlem deployment run --load {there.name}",
        )
    model = _model(resolve(here.place, here.deployment), there, state.served)
    declaration = declared(None, name, {"model": model}, project) if model is not None else here
    promotion = Promotion(
        there.name,
        state.served.number,
        state.served.model_hash,
        state.lineage,
        state.served.declaration,
        state.served.records if there.deployment.type == declaration.deployment.type else {},
    )
    return Prepared(promotion, declaration, DeploymentHandle.of(declaration.place, declaration.deployment))


def promote(
    source: Name,
    name: Name,
    *,
    project: Name | None = None,
    report: Report = lambda _line: None,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
) -> tuple[DeploymentHandle, engine.Outcome]:
    """Deploy what another deployment serves: the newest release there that passed its gate.

    Args:
        source: The deployment that serves it.
        name: The deployment that is to serve it, as it is declared.
        project: Folder that relative names start from.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about this run.

    Returns:
        A handle of what runs now, and what was done.

    Raises:
        ConflictError: See `prepare`; or what was made there can't be had here, or would be made otherwise.
        MlemError: See `mlem.deployments.execution.engine.run`.
    """
    prepared = prepare(source, name, project)
    if prepared.note:
        report(prepared.note)
    message = options.message or prepared.promotion.describe()
    handle = replace(prepared.handle, report=report, lock=lock)
    said = replace(options, promotion=prepared.promotion, message=message)
    return handle, handle.run(said, accepted=prepared.declaration.write)


def _model(here: Target, there: Target, served: Release) -> str | None:
    """Return the name of the model that is served, as `declared` takes it; None where it is declared already.

    Raises:
        ConflictError: Neither declaration names a model of that digest.
    """
    if here.deployment.model is not None and _digest(here, here.deployment.model)[0] == served.model_hash:
        return None
    named = served.declaration.get("model")
    digest, place = _digest(there, str(named)) if named else ("", None)
    if digest == served.model_hash:
        return place
    commit = served.made.commit if served.made else ""
    raise ConflictError(
        f'"{there.name}" serves model {served.model_hash} ({named}); here {named} is '
        + (f"another one, {digest}" if digest else "not there"),
        code="other-model",
        hint=f"check out the commit that it was deployed from: {commit}" if commit else None,
    )


def _digest(target: Target, name: str) -> tuple[str, str | None]:
    """Return the digest of a model and its name from anywhere; empty where it can't be read."""
    try:
        model, place = resolve_model(name, target.location)
    except MlemError:
        return "", None
    return model.digest, place.url or str(place.path).removesuffix(EXTENSION)
