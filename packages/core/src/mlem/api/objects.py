"""Objects: saved, and loaded with their metadata."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from mlem.project.config import load_config
from mlem.project.head import expect_object, maker_of
from mlem.project.overlays import locate_deployment
from mlem.project.project import Location, Name, locate
from mlem_model.plugins.kinds import is_own_package
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem.deployments.deployment import Deployment
    from mlem.deployments.env import Env
    from mlem.deployments.handle import DeploymentHandle
    from mlem_model.data.dataset import Dataset
    from mlem_model.models.model import Model
    from mlem_model.models.model_type import ModelType

Kind = Literal["model", "data", "env", "deployment"]


def model_types() -> list[type[ModelType]]:
    """Return the installed model types in the order in which they are asked: those of plugins before the core's."""
    return sorted(registry().all("model_type").values(), key=lambda cls: is_own_package(cls.__module__))


_Plain = (
    None | bool | int | float | str | bytes | list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any]
)
"""Types of data that no model type takes for a model."""


@overload
def save(
    obj: Callable[..., Any],
    path: Name,
    *,
    sample_data: Any = ...,
    params: Mapping[str, Any] | None = ...,
    format: str | None = ...,
    methods: Sequence[str] | None = ...,
    signature: Mapping[str, Any] | None = ...,
    batch: bool | None = ...,
    effects: bool = ...,
    public_sample: bool = ...,
    profile: bool = ...,
    require_hashes: bool = ...,
    overwrite: bool = ...,
    project: Name | None = ...,
) -> Model: ...


@overload
def save(
    obj: _Plain,
    path: Name,
    *,
    sample_data: Any = ...,
    params: Mapping[str, Any] | None = ...,
    format: str | None = ...,
    methods: Sequence[str] | None = ...,
    signature: Mapping[str, Any] | None = ...,
    batch: bool | None = ...,
    effects: bool = ...,
    public_sample: bool = ...,
    profile: bool = ...,
    require_hashes: bool = ...,
    overwrite: bool = ...,
    project: Name | None = ...,
) -> Dataset: ...


@overload
def save(
    obj: Any,
    path: Name,
    *,
    sample_data: Any = ...,
    params: Mapping[str, Any] | None = ...,
    format: str | None = ...,
    methods: Sequence[str] | None = ...,
    signature: Mapping[str, Any] | None = ...,
    batch: bool | None = ...,
    effects: bool = ...,
    public_sample: bool = ...,
    profile: bool = ...,
    require_hashes: bool = ...,
    overwrite: bool = ...,
    project: Name | None = ...,
) -> Any: ...


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
    effects: bool = False,
    public_sample: bool = True,
    profile: bool = False,
    require_hashes: bool = False,
    overwrite: bool = False,
    project: Name | None = None,
) -> Model | Dataset:
    """Save a model (or a data set), so that it can be deployed without importing it.

    Args:
        obj: A scikit-learn estimator or pipeline, any callable, or what an installed plugin knows.
        path: Its name: ``iris`` makes ``iris.mlem`` and the artifact ``iris``; or a URL that fsspec knows:
            ``s3://bucket/iris``.
        sample_data: Input as the model gets it, shape (rows, ...) for arrays and frames: the signature is inferred from
            all of it, and its first row with the model's answer becomes the gate of every deployment.
        params: Anything worth keeping with the model.
        format: How the artifact is written: ``skops`` and ``onnx`` are formats of scikit-learn's objects whose loading
            runs no code of the file. When None, the first format of the setting ``core.save.formats`` that can hold the
            object, else the format of its kind: that of its framework, or pickle.
        methods: The names of the methods that can be called; those that the object's kind has when None.
        signature: What the sample does not say about the types: an annotation by the name of an argument, or under
            ``return``: ``{"x": float, "mode": Literal["fast", "exact"]}``; where methods differ, such a mapping by the
            name of each method. It is checked against the sample.
        batch: True if each row of the answer depends only on the same row of the argument, so that the server may call
            the model once for several callers; False if it does not; None to find out.
        effects: True if a call does more than to answer, such as to write or to send something: clients then never send
            it a second time. Else they do so where a kept connection was closed before any answer.
        public_sample: False if callers of a deployment must not see the sample row.
        profile: True to record what the columns of the sample data look like, their ranges and categories, in a file
            beside the model: a server with ``--drift`` compares its calls with that.
        require_hashes: True to record, with each package that the model needs, the hashes of all its files in the
            package index: no image then gets another file of it. It asks the index; needs ``mlem-model[hashes]``.
        overwrite: Whether existing files may be replaced, whatever they are. Those of an object of the same kind always
            are.
        project: Folder that a relative name starts from.

    Returns:
        The metadata that was written.

    Raises:
        UserError: No model type knows the object, or it fails on the sample.
        ConflictError: Something else has the name.
        MlemError: It can't be written.
    """
    from mlem_model.models.model import Model
    from mlem_model.models.saving import save as save_model

    place = locate(path, project)
    place.expect_usable()
    saved = save_model(
        obj,
        place.source,
        sample_data=sample_data,
        params=params,
        format=format,
        methods=methods,
        signature=signature,
        batch=batch,
        effects=effects,
        public_sample=public_sample,
        profile=profile,
        require_hashes=require_hashes,
        overwrite=overwrite,
        preferred=load_config(place.root).core.save.formats if format is None else (),
        model_types=model_types(),
    )
    return saved.at(place.source) if isinstance(saved, Model) else saved


@overload
def load_meta(path: Name, project: Name | None = ..., *, kind: Literal["model"]) -> Model: ...


@overload
def load_meta(path: Name, project: Name | None = ..., *, kind: Literal["data"]) -> Dataset: ...


@overload
def load_meta(path: Name, project: Name | None = ..., *, kind: Literal["env"]) -> Env: ...


@overload
def load_meta(
    path: Name, project: Name | None = ..., *, kind: Literal["deployment"], overlay: str | None = ...
) -> Deployment: ...


@overload
def load_meta(path: Name, project: Name | None = ..., *, kind: None = ..., overlay: str | None = ...) -> Any: ...


def load_meta(path: Name, project: Name | None = None, *, kind: Kind | None = None, overlay: str | None = None) -> Any:
    """Read an object's metadata: a `Model`, a `Deployment`, an `Env` or a `Dataset`.

    Args:
        path: The object's name, path or URL.
        project: Folder that a relative name starts from.
        kind: What it has to be: ``model``, ``data``, ``env``, ``deployment``; any when None.
        overlay: The overlay of a deployment; the name ``app@prod`` means the same.

    Raises:
        NotFoundError: There is no such object.
        DeclarationError: Its file is wrong, or it is of another kind.
    """
    place = locate_deployment(path, project, overlay)
    data = place.read()
    if kind is not None:
        expect_object({**data, "object_type": _kind_of(data)}, kind, place)
    found = _kind_of(data)
    if found == "deployment":
        from mlem.deployments.resolving.resolve import load_deployment  # late: models do without

        return load_deployment(place)
    if found == "env":
        from mlem.deployments.resolving.substitution import substituted

        env = registry().get("env", str(data.get("type")), maker_of(data))
        return env.from_data(substituted(data, str(place)), str(place))
    if found == "data":
        from mlem_model.data.dataset import Dataset

        return Dataset.from_data(data, str(place))
    expect_object(data, "model", place)
    from mlem_model.models.model import Model

    return Model.from_data(data, str(place)).at(place.source)


def _kind_of(data: Mapping[str, Any]) -> Any:
    found = data.get("object_type")
    return "data" if found == "dataset" else found  # MLEM 0.4's word


@overload
def load(
    path: Name, project: Name | None = ..., *, kind: Literal["deployment"], overlay: str | None = ...
) -> DeploymentHandle: ...


@overload
def load(path: Name, project: Name | None = ..., *, kind: Literal["env"]) -> Env: ...


@overload
def load(
    path: Name, project: Name | None = ..., *, kind: Literal["model", "data"] | None = ..., overlay: str | None = ...
) -> Any: ...


def load(path: Name, project: Name | None = None, *, kind: Kind | None = None, overlay: str | None = None) -> Any:
    """Load an object: a model as the Python object that was saved, a data set as its data, a deployment as a handle.

    The SHA-256 of every artifact is verified before it is unpickled. Unpickling runs code: load only what you trust.
    The project's setting ``core.trust.formats`` says which formats may be loaded. While others save under the same
    name, either the old object or the new one is loaded.

    Args:
        path: The object's name, path or URL.
        project: Folder that a relative name starts from.
        kind: What it has to be: ``model``, ``data``, ``env``, ``deployment``; any when None.
        overlay: The overlay of a deployment; the name ``app@prod`` means the same.

    Raises:
        NotFoundError: There is no such object.
        DeclarationError: Its file is wrong, or it is of another kind.
        ConflictError: An artifact is not the one that was saved.
    """
    return with_object(path, project, kind, overlay)[1]


def with_object(
    path: Name, project: Name | None, kind: Kind | None = None, overlay: str | None = None, *, served: bool = False
) -> tuple[Any, Any]:
    """Return the metadata of an object, and the object, both of one version, even while it is saved; see `load`.

    With ``served`` a model is loaded to be called; see `ModelType.served`.
    """
    from mlem_model.artifacts.transfer import use_current

    read: Callable[[], Any] = functools.partial(load_meta, path, project, kind=kind, overlay=overlay)
    return use_current(read, lambda meta: _object_of(locate_deployment(path, project, overlay), meta, served=served))


def _object_of(place: Location, meta: Any, *, served: bool) -> Any:
    if meta.object_type == "deployment":
        from mlem.deployments.handle import DeploymentHandle

        return DeploymentHandle.of(place, meta)
    if meta.object_type == "env":
        return meta
    from mlem_model.data.dataset import Dataset, load_data
    from mlem_model.models.loading import load_model

    if isinstance(meta, Dataset):
        return load_data(meta, place.folder)
    kind = registry().find(("model_type",), meta.model_type)
    return load_model(
        meta,
        place.folder,
        model_types=[] if kind is None else [kind],
        trust=load_config(place.root).core.trust,
        served=served,
    )
