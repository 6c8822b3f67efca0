"""From options to a running deployment.

Merged with the declaration that is there, checked, written under the lock, then run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from mlem.deployments.deployment import Deployment
from mlem.deployments.execution.engine import LockOptions, Outcome
from mlem.deployments.execution.locking import Report
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.references import kept_fields
from mlem.deployments.resolving.resolve import deployment_class, expect_object, maker_of
from mlem.project.project import Location, Name, locate
from mlem.project.yaml_update import update_file
from mlem_model.errors import ConflictError, DeclarationError, UserError
from mlem_model.objects.object import HEAD


@dataclass(frozen=True)
class Declaration:
    """What is going to be deployed.

    Attributes:
        place: Where it is declared, or will be.
        before: What the file had, empty where there is none.
        deployment: The declaration with the given options.
        changed: Whether the options change what is declared.
    """

    place: Location
    before: Mapping[str, Any]
    deployment: Deployment
    changed: bool

    def write(self) -> None:
        """Write the declaration where it is new or changed; its comments stay.

        Raises:
            ConflictError: Somebody else has changed it since it was read.
        """
        if not self.changed or self.place.url is not None:
            return
        wanted = self.deployment.to_data()
        now = self.place.read() if self.place.path.exists() else {}
        if now == wanted:
            return
        if now != self.before:
            message = f"{self.place} was changed while this run waited for the lock"
            raise ConflictError(message, code="declaration-changed", hint="look at it, then repeat the command")
        update_file(self.place.path, wanted)


def deploy(
    cls: type[Deployment] | None,
    name: Name,
    values: Mapping[str, Any],
    *,
    project: Name | None = None,
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
    declaration = declared(cls, name, values, project)
    if declaration.deployment.model is None:
        raise UserError("no model is named", code="no-model", hint="add --model MODEL")
    if declaration.changed and declaration.place.url is not None and cls is not None:
        raise UserError(f"can't write to {declaration.place.url}: declarations are written to local files")
    handle = DeploymentHandle.of(declaration.place, declaration.deployment, report=report, lock=lock)
    return handle, handle.run(options, accepted=declaration.write)


def declared(
    cls: type[Deployment] | None, name: Name, values: Mapping[str, Any], project: Name | None = None
) -> Declaration:
    """Lay options over a declaration, and check it; nothing is written.

    Args:
        cls: The deployment's type; None for that which is declared.
        name: The deployment's name.
        values: Fields; see `deploy`.
        project: Folder that relative names start from.

    Raises:
        DeclarationError: A field does not fit.
        NotFoundError: There is no declaration, and no type was given.
        ConflictError: The name is declared as another type, or as another kind of object.
    """
    place = locate(name, project)
    before: dict[str, Any] = {}
    if cls is None or (place.url is None and place.path.exists()):
        before = place.read()
        _expect_deployment(before, place, exists=cls is not None)
    found = deployment_class(str(before["type"]), maker_of(before)) if "type" in before else cls
    if found is None:
        raise DeclarationError(f"{place}: type: required field is missing")
    if cls is not None and found is not cls:
        raise ConflictError(
            f"{place} declares a {found.type}, not a {cls.type}",
            code="other-type",
            hint="choose another name, or edit that file",
        )
    given = kept_fields(found, values, project, place)
    old = {key: value for key, value in before.items() if key not in HEAD}
    dropped = {key for key, value in given.items() if value is None and not _takes_none(found, key)}
    merged = {key: value for key, value in merge(old, given).items() if key not in dropped}
    return Declaration(place, before, found.from_data(merged, str(place)), merged != old)


def merge(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay given values over declared ones, mapping by mapping."""
    merged = dict(base)
    for key, value in values.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def _takes_none(cls: type[Deployment], name: str) -> bool:
    """Say whether None is a value of a field that is not its default, so that it means something."""
    field = cls.model_fields.get(name)
    return field is not None and field.default is not None and type(None) in get_args(field.annotation)


def _expect_deployment(data: Mapping[str, Any], place: Location, *, exists: bool) -> None:
    try:
        expect_object(data, "deployment", place)
    except DeclarationError as error:
        if not exists:
            raise
        raise ConflictError(
            f"{place} exists and is not a deployment", code="exists", hint="choose another name, or move that file away"
        ) from error
