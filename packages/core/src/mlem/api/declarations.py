"""Projects and what is declared in them: envs and deployments; and deploying, which declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlem.deployments.deploying import deploy as run_deploy
from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.handle import DeploymentHandle, _silent
from mlem.deployments.resolving.references import kept_fields
from mlem.deployments.resolving.resolve import deployment_class, resolve_env
from mlem.deployments.resolving.substitution import substituted, with_references
from mlem.project.head import expect_object
from mlem.project.overlays import deployments_below
from mlem.project.project import Location, Name, init_project, locate
from mlem.project.yaml_update import update_file
from mlem_model.errors import ConflictError, DeclarationError, UserError
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem_model.models.model import Model


def init(folder: Name = ".") -> Path:
    """Make a folder a project; return its configuration file."""
    return init_project(Path(folder).resolve())[0]


@plugin_edge()
def declare_env(type_: str, name: Name, values: Mapping[str, Any], project: Name | None = None) -> Location:
    """Write the declaration of an env; return its file.

    Raises:
        PluginError: The type is not installed.
        DeclarationError: A field does not fit; nothing is written.
        ConflictError: Another kind of object has the name.
    """
    place = locate(name, project)
    cls = registry().get("env", type_)
    fields = kept_fields(cls, values, project, place)
    env = cls.from_data(substituted(fields, str(place)), str(place))
    _expect_kind_or_nothing(place, "env")
    update_file(place.path, with_references(env.to_data(), fields))
    return place


@plugin_edge()
def declare_deployment(type_: str, name: Name, values: Mapping[str, Any], project: Name | None = None) -> Location:
    """Write the whole declaration of a deployment; return its file. `deploy` changes single fields of an existing one.

    Args:
        type_: A deployment type, or an env type that stands for its default deployment type.
        name: The deployment's name.
        values: The declaration's fields; ``model`` as typed in the current folder, or what saving it returned.
        project: Folder that relative names start from.

    Raises:
        PluginError: The type is not installed.
        DeclarationError: A field does not fit; nothing is written.
        ConflictError: Another kind of object has the name.
    """
    place = locate(name, project)
    cls = deployment_class(type_)
    fields = kept_fields(cls, values, project, place)
    deployment = cls.from_data(substituted(fields, str(place)), str(place))
    if not isinstance(deployment.env, str):
        resolve_env(deployment, place)
    _expect_kind_or_nothing(place, "deployment")
    update_file(place.path, with_references(deployment.to_data(), fields))
    return place


def _expect_kind_or_nothing(place: Location, kind: str) -> None:
    if place.url is not None:
        raise UserError(f"can't write to {place.url}: declarations are written to local files")
    if not place.path.exists():
        return
    try:
        expect_object(place.read(), kind, place)
    except DeclarationError as error:
        raise ConflictError(
            f"{place} exists and is not a {kind}", code="exists", hint="choose another name, or move that file away"
        ) from error


def deploy(
    type_: str,
    name: Name,
    *,
    model: Name | Model | None = None,
    project: Name | None = None,
    overlay: str | None = None,
    report: Callable[[str], None] = _silent,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
    **fields: Any,
) -> DeploymentHandle:
    """Deploy a model: ``deploy("local", "iris-app", model="iris", port=8080)``, as ``mlem deployment run`` does.

    The given fields are laid over the declaration that exists, one by one; the declaration is written once everything
    that can be checked before has been checked, and we have the lock.

    Args:
        type_: A deployment type, or an env type that stands for its default deployment type.
        name: The deployment's name.
        model: The model's name, or what `save` returned; the declared one when None.
        project: Folder that relative names start from.
        overlay: The overlay to deploy: ``prod`` for the file ``app.prod.mlem``, which the given fields are written to
            then. The name ``app@prod`` means the same.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about this run: a message, which release it expects to find, what may be dropped.
        **fields: Fields of the declaration; None resets one to its default.

    Returns:
        A handle of what runs now.

    Raises:
        DeclarationError: A field does not fit.
        NotFoundError: There is no such model, env or overlay.
        ConflictError: The name is declared as another type, or as another kind of object.
        LockedError: Another command is working on it.
        GateError: The new release does not give the right answer. The last good one serves again, where there was one.
        MlemError: A step failed. The last good release serves again.
    """
    values = fields if model is None else {**fields, "model": model}
    cls = deployment_class(type_)
    return run_deploy(cls, name, values, project=project, overlay=overlay, report=report, lock=lock, options=options)[0]


def promote(
    source: Name,
    name: Name,
    *,
    project: Name | None = None,
    report: Callable[[str], None] = _silent,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
) -> DeploymentHandle:
    """Deploy what another deployment serves: ``promote("app@staging", "app@prod")``, as ``mlem deployment promote``.

    It is the newest release there that passed its gate: the same model, and on Docker and Heroku the very
    image, not built again.

    Args:
        source: The deployment that serves it.
        name: The deployment that is to serve it, as it is declared.
        project: Folder that relative names start from.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about this run.

    Returns:
        A handle of what runs now.

    Raises:
        ConflictError: Nothing has passed a gate there, its model is not here any more, or its image can't be had here
            or would be another one by this declaration.
        NotFoundError: One of them is not declared.
        GateError: It does not give the right answer here. The last good release serves again, where there was one.
        MlemError: A step failed. The last good release serves again.
    """
    from mlem.deployments.upkeep.promoting import promote as run_promotion

    return run_promotion(source, name, project=project, report=report, lock=lock, options=options)[0]


def deployments(project: Name | None = None) -> Sequence[tuple[str, Path]]:
    """Return name and file of every deployment that is declared in a project, sorted: ``app@prod`` with its overlay.

    A file that can't be read, or is not YAML although it has the words of a deployment, is included: `load` says what
    is wrong with it.
    """
    return list(deployments_below(locate("x", project).root))
