"""From options to a running deployment.

Merged with the declaration that is there, checked, written under the lock, then run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from mlem.deployments.deployment import Deployment
from mlem.deployments.execution.locking import LockOptions, Report
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.layers import Layers, without_head
from mlem.deployments.resolving.references import kept_fields
from mlem.deployments.resolving.resolve import deployment_class
from mlem.deployments.resolving.substitution import substituted, with_references
from mlem.project.head import expect_object, maker_of
from mlem.project.overlays import locate_deployment
from mlem.project.project import Location, Name
from mlem.project.yaml_update import update_file
from mlem_model.errors import ConflictError, DeclarationError, UserError
from mlem_model.objects.files import shown

if TYPE_CHECKING:
    from mlem.deployments.execution.engine import Outcome


@dataclass(frozen=True)
class Declaration:
    """What is going to be deployed.

    Attributes:
        place: Where it is declared, or will be.
        before: What the file had that is going to be written, empty where there is none.
        content: What that file is going to have.
        deployment: The declaration with the given options.
        changed: Whether the options change what is declared.
    """

    place: Location
    before: Mapping[str, Any]
    content: Mapping[str, Any]
    deployment: Deployment
    changed: bool

    def write(self) -> None:
        """Write the declaration where it is new or changed, or its overlay; comments stay.

        Raises:
            ConflictError: Somebody else has changed it since it was read.
        """
        if not self.changed or self.place.url is not None:
            return
        now = Layers.read(self.place).top if self.place.path.exists() else {}
        if now == self.content:
            return
        if now != self.before:
            message = f"{shown(self.place.top)} was changed while this run waited for the lock"
            raise ConflictError(message, code="declaration-changed", hint="look at it, then repeat the command")
        update_file(self.place.top, self.content)


def deploy(
    cls: type[Deployment] | None,
    name: Name,
    values: Mapping[str, Any],
    *,
    project: Name | None = None,
    overlay: str | None = None,
    report: Report = lambda _line: None,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
) -> tuple[DeploymentHandle, Outcome]:
    """Lay options over a declaration, and deploy it.

    The declaration is written when everything that can be known is known to be right, and the lock is ours.

    Args:
        cls: The deployment's type; None for that which is declared.
        name: The deployment's name.
        values: Fields; ``model`` as typed in the current folder, or what saving it returned. None takes a field back to
            its default.
        project: Folder that relative names start from.
        overlay: The overlay to deploy; the values are written to its file then.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about this run.

    Returns:
        A handle of what runs now, and what was done.

    Raises:
        DeclarationError: A field does not fit.
        NotFoundError: There is no such model or env.
        ConflictError: The name is declared as another type, or as another kind of object.
        LockedError: Another command is at work on it.
        MlemError: See `mlem.deployments.execution.engine.run`.
    """
    declaration = declared(cls, name, values, project, overlay)
    if declaration.deployment.model is None:
        raise UserError("no model is named", code="no-model", hint="add --model MODEL")
    if declaration.changed and declaration.place.url is not None and cls is not None:
        raise UserError(f"can't write to {declaration.place.url}: declarations are written to local files")
    handle = DeploymentHandle.of(declaration.place, declaration.deployment, report=report, lock=lock)
    return handle, handle.run(options, accepted=declaration.write)


def declared(
    cls: type[Deployment] | None,
    name: Name,
    values: Mapping[str, Any],
    project: Name | None = None,
    overlay: str | None = None,
) -> Declaration:
    """Lay options over a declaration, and check it; nothing is written.

    Args:
        cls: The deployment's type; None for that which is declared.
        name: The deployment's name.
        values: Fields; see `deploy`.
        project: Folder that relative names start from.
        overlay: The overlay.

    Raises:
        DeclarationError: A field does not fit.
        NotFoundError: There is no declaration, and no type was given; or there is no such overlay.
        ConflictError: The name is declared as another type, or as another kind of object.
    """
    place = locate_deployment(name, project, overlay)
    layers = Layers(place)
    if cls is None or (place.url is None and place.path.exists()):
        layers = Layers.read(place)
        _expect_deployment(layers.base, place, exists=cls is not None)
    found = deployment_class(str(layers.base["type"]), maker_of(layers.base)) if "type" in layers.base else cls
    if found is None:
        raise DeclarationError(f"{place}: type: required field is missing")
    if cls is not None and found is not cls:
        raise ConflictError(
            f"{place} declares a {found.type}, not a {cls.type}",
            code="other-type",
            hint="choose another name, or edit that file",
        )
    given = kept_fields(found, values, project, place)
    laid = layers.with_given(found, given)
    fields = laid.fields(found)
    deployment = found.from_data(substituted(fields, laid.source), laid.source)
    content = _content(laid, given, deployment)
    return Declaration(place, layers.top, content, deployment, fields != layers.fields(found))


def _content(laid: Layers, given: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    """Return what the file is going to have: values of the fields' types, with the references that were there."""
    if not laid.place.overlay:
        return with_references(deployment.to_data(), without_head(laid.base))
    typed = _typed(laid.over, given, deployment.model_dump(mode="json"))
    content = {**laid.over, **with_references(typed, laid.over)}
    return {name: one for name, one in content.items() if not isinstance(getattr(deployment, name, None), SecretStr)}


def _typed(over: Mapping[str, Any], given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given of an overlay with the types that the fields have."""
    typed: dict[str, Any] = {}
    for name in given:
        if name not in over:
            continue
        value, found = over[name], values.get(name)
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            typed[name] = {**value, **_typed(value, value, found)}
        else:
            typed[name] = value if found is None or value is None else found
    return typed


def _expect_deployment(data: Mapping[str, Any], place: Location, *, exists: bool) -> None:
    try:
        expect_object(data, "deployment", place)
    except DeclarationError as error:
        if not exists:
            raise
        raise ConflictError(
            f"{place} exists and is not a deployment", code="exists", hint="choose another name, or move that file away"
        ) from error
