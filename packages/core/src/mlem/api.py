"""The Python API: what a program does with models and deployments."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlem.calling import finished
from mlem.config import load_config
from mlem.data_types.index import hand_on_index
from mlem.data_types.notes import collecting
from mlem.deploying import deploy as run_deploy
from mlem.deploying import model_name, plain
from mlem.deployment import Deployment
from mlem.engine import Lock
from mlem.env import Env
from mlem.errors import ConflictError, DeclarationError, UserError
from mlem.handle import DeploymentHandle, _silent
from mlem.plugins import registry
from mlem.project import Location, Name, init_project, locate, objects_below
from mlem.target import deployment_class, expect_object, folder_of, load_deployment, model_reference, resolve_env
from mlem.yaml_file import update_file

if TYPE_CHECKING:
    from mlem.datasets import Dataset
    from mlem.model import Model
    from mlem.model_types.base import ModelType

_log = logging.getLogger("mlem.api")

__all__ = [
    "DeploymentHandle",
    "apply",
    "declare_deployment",
    "declare_env",
    "deploy",
    "deployments",
    "init",
    "load",
    "load_meta",
    "model_types",
    "save",
]


def init(folder: str | Path = ".") -> Path:
    """Make a folder a project; return its configuration file."""
    return init_project(Path(folder).resolve())[0]


def model_types() -> list[type[ModelType]]:
    """Return the installed model types in the order in which they are asked: those of plugins before the core's."""
    return sorted(registry().all("model_type").values(), key=lambda cls: cls.__module__.startswith("mlem."))


def save(
    obj: Any,
    path: Name,
    *,
    sample_data: Any = None,
    params: Mapping[str, Any] | None = None,
    format: str | None = None,
    methods: Sequence[str] | None = None,
    signature: Mapping[str, Any] | None = None,
    batch: bool | None = None,
    public_sample: bool = True,
    overwrite: bool = False,
    project: Name | None = None,
) -> Model | Dataset:
    """Save a model (or a data set), so that it can be deployed without importing it.

    Args:
        obj: A scikit-learn estimator or pipeline, any callable, or what an installed plugin knows.
        path: Its name: ``iris`` makes ``iris.mlem`` and the artifact ``iris``; or a URL that fsspec knows: ``s3://bucket/iris``.
        sample_data: Input as the model gets it, shape (rows, ...) for arrays and frames: the signature is inferred from all of
            it, and its first row with the model's answer becomes the gate of every deployment.
        params: Anything worth keeping with the model.
        format: How the artifact is written: ``skops`` and ``onnx`` are formats of scikit-learn's objects whose loading runs no code of
            the file; the default is pickle, which every object has.
        methods: The names of the methods that can be called; those that the object's kind has when None.
        signature: What the sample does not say of the types: an annotation by the name of an argument, or under ``return``:
            ``{"x": float, "mode": Literal["fast", "exact"]}``; the same by the name of each method where they differ. It is checked
            against the sample.
        batch: True where each row of the answer depends on the same row of the argument alone, so that the server may call the model once
            for several callers; False where it does not; None to find out.
        public_sample: False where callers of a deployment must not see the sample row.
        overwrite: Whether files that are there may be replaced, whatever they are. Those of an object of the same kind always are.
        project: Folder that a relative name starts from.

    Returns:
        The metadata that was written.

    Raises:
        UserError: No model type knows the object, or it fails on the sample.
        ConflictError: Something else is there.
        MlemError: It can't be written.
    """
    from mlem.model import Model
    from mlem.saving import save as save_model

    place = locate(path, project)
    saved = save_model(
        obj,
        place.source,
        sample_data=sample_data,
        params=params,
        format=format,
        methods=methods,
        signature=signature,
        batch=batch,
        public_sample=public_sample,
        overwrite=overwrite,
        model_types=model_types(),
    )
    return saved.at(place.source) if isinstance(saved, Model) else saved


def load_meta(path: Name, project: Name | None = None) -> Any:
    """Read an object's metadata: a `Model`, a `Deployment`, an `Env` or a `Dataset`.

    Raises:
        NotFoundError: There is no such object.
        DeclarationError: Its file is wrong.
    """
    place = locate(path, project)
    data = place.read()
    kind = data.get("object_type")
    if kind == "deployment":
        return load_deployment(place)
    if kind == "env":
        return registry().get("env", str(data.get("type"))).from_data(data, str(place))
    if kind == "data":
        from mlem.datasets import Dataset

        return Dataset.from_data(data, str(place))
    expect_object(data, "model", place)
    from mlem.model import Model

    return Model.from_data(data, str(place)).at(place.source)


def load(path: Name, project: Name | None = None) -> Any:
    """Load an object: a model as the Python object that was saved, a data set as its data, a deployment as a handle.

    The SHA-256 of every artifact is verified before it is unpickled. Unpickling runs code: load only what you trust. The project's
    setting ``core.trust.formats`` says which formats may be loaded.

    Raises:
        NotFoundError: There is no such object.
        ConflictError: An artifact is not the one that was saved.
    """
    return _with_object(path, project)[1]


def _with_object(path: Name, project: Name | None) -> tuple[Any, Any]:
    """Return the metadata of an object, and the object: of one time, also while it is saved again."""
    from mlem.artifacts import use_current

    return use_current(lambda: load_meta(path, project), lambda meta: _object_of(locate(path, project), meta))


def _object_of(place: Location, meta: Any) -> Any:
    if isinstance(meta, Deployment):
        return DeploymentHandle.of(place, meta)
    if isinstance(meta, Env):
        return meta
    from mlem.datasets import Dataset, load_data
    from mlem.saving import load_model

    if isinstance(meta, Dataset):
        return load_data(meta, folder_of(place))
    return load_model(meta, folder_of(place), model_types=model_types(), trust=load_config(place.root).core.trust)


def apply(model: Name | Any, data: Any, method: str = "predict", project: Name | None = None) -> Any:
    """Call a method of a saved model in this process; an async function is awaited, and what a generator yields becomes a list.

    Args:
        model: The model's name, or a loaded model.
        data: The method's only argument.
        method: The method's public name.
        project: Folder that a relative name starts from.
    """
    if not isinstance(model, str | os.PathLike):
        return finished(getattr(model, method)(data) if hasattr(model, method) else model(data))
    meta, obj = _with_object(model, project)
    described = meta.method(method)
    with collecting() as notes:
        values = described.decode_args(described.bind((data,), {}, called=method))
    for line in notes.lines:
        _log.warning("%s: %s", method, line)
    answer = described.call(obj, values)
    return hand_on_index(data, answer) if described.keeps_index else answer


def declare_env(type_: str, name: Name, values: Mapping[str, Any], project: Name | None = None) -> Location:
    """Write the declaration of an env; return where.

    Raises:
        PluginError: The type is not installed.
        DeclarationError: A field does not fit; nothing is written.
        ConflictError: Another kind of object has the name.
    """
    place = locate(name, project)
    env = registry().get("env", type_).from_data(plain(values), str(place))
    _expect_kind_or_nothing(place, "env")
    update_file(place.path, env.to_data())
    return place


def declare_deployment(type_: str, name: Name, values: Mapping[str, Any], project: Name | None = None) -> Location:
    """Write the declaration of a deployment, whole; return where. `deploy` lays options over the one that is there.

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
    fields = plain(values)
    if fields.get("model") is not None:
        fields["model"] = model_reference(model_name(values["model"]), project, place)
    deployment = deployment_class(type_).from_data(fields, str(place))
    if not isinstance(deployment.env, str):
        resolve_env(deployment, place)
    _expect_kind_or_nothing(place, "deployment")
    update_file(place.path, deployment.to_data())
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
            f"{place} exists and is no {kind}", code="exists", hint="choose another name, or move that file away"
        ) from error


def deploy(
    type_: str,
    name: Name,
    *,
    model: Name | Model | None = None,
    project: Name | None = None,
    report: Callable[[str], None] = _silent,
    lock: Lock = Lock(),
    **fields: Any,
) -> DeploymentHandle:
    """Deploy a model: ``deploy("local", "iris-app", model="iris", port=8080)``, as ``mlem deployment run`` does.

    What is given is laid over the declaration that is there, field by field; the declaration is written when everything that can be known
    before is known to be right, and the lock is ours.

    Args:
        type_: A deployment type, or an env type that stands for its default deployment type.
        name: The deployment's name.
        model: The model's name, or what `save` returned; the declared one when None.
        project: Folder that relative names start from.
        report: Called with lines of progress.
        lock: How to lock.
        **fields: Fields of the declaration; None takes one back to its default.

    Returns:
        A handle of what runs now.

    Raises:
        DeclarationError: A field does not fit.
        NotFoundError: There is no such model or env.
        ConflictError: The name is declared as another type, or as another kind of object.
        LockedError: Another command is at work on it.
        GateError: The new release does not answer rightly. The last good one serves again, where there was one.
        MlemError: A step failed. The last good release serves again.
    """
    values = fields if model is None else {**fields, "model": model}
    return run_deploy(deployment_class(type_), name, values, project=project, report=report, lock=lock)[0]


def deployments(project: Name | None = None) -> Sequence[tuple[str, Path]]:
    """Return name and file of every deployment that is declared in a project, sorted."""
    place = locate("x", project)
    root = place.root
    found = []
    for name, path in objects_below(root):
        if b"object_type: deployment" in path.read_bytes():
            found.append((name, path))
    return found
