"""Saved models, used in this process: called, served, or built into something."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlem.api.objects import load_meta, model_types, with_object
from mlem.deployments.handle import _silent
from mlem.deployments.resolving.references import model_name, plain
from mlem.project.config import load_config
from mlem.project.head import expect_object
from mlem.project.project import Name, locate, spelt
from mlem_model.data.types.index import hand_on_index
from mlem_model.data.types.notes import collecting
from mlem_model.errors import PluginError, UserError
from mlem_model.models.calling import finished
from mlem_model.models.matching import kinds_of
from mlem_model.models.method_choice import PREDICT, default_method, find_method
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.project_root import find_root
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem.deployments.builder import Builder
    from mlem_model.models.model import Model

_log = logging.getLogger("mlem.api")


def apply(model: Name | Any, data: Any, method: str | None = None, project: Name | None = None) -> Any:
    """Call a method of a saved model in this process.

    An async function is awaited, and what a generator yields becomes a list.

    Args:
        model: The model's name, or a loaded model.
        data: The method's only argument.
        method: The method's public name; when None ``predict``, or the model's first where it has none of that name.
        project: Folder that a relative name starts from.

    Raises:
        UserError: The model has no such method, or the data is not what it takes.
        MlemError: The model can't be loaded.
    """
    if not isinstance(model, str | os.PathLike):
        return finished(_called(model, method)(data))
    meta, obj = with_object(model, project, served=True)
    called = default_method(meta.methods) if method is None else method
    described = meta.method(called)
    with collecting() as notes:
        values = described.decode_args(described.bind((data,), {}, called=called))
    for line in notes.lines:
        _log.warning("%s: %s", called, line)
    answer = described.call(obj, values)
    return hand_on_index(data, answer) if described.keeps_index else answer


def _called(model: Any, method: str | None) -> Callable[[Any], Any]:
    """Return what is called of a loaded model: its own attribute, or what its kind has under the name."""
    name = PREDICT if method is None else method
    if hasattr(model, name):
        return cast("Callable[[Any], Any]", getattr(model, name))
    kind = next(iter(kinds_of(model, model_types())), None)
    served = model if kind is None else kind.served(model)
    methods = {} if kind is None else kind.methods(served)
    attribute = find_method(methods, default_method(methods) if method is None else method)
    return cast("Callable[[Any], Any]", served if attribute == "__call__" else getattr(served, attribute))


def build(
    type_: str,
    model: Name | Model,
    *,
    project: Name | None = None,
    report: Callable[[str], None] = _silent,
    **fields: Any,
) -> Mapping[str, Any]:
    """Make an artifact from a model, as ``mlem build`` does: ``build("docker_dir", "iris", target="context")``.

    Args:
        type_: A builder's type: ``docker``, ``docker_dir``.
        model: The model's name, or what `save` returned.
        project: Folder that a relative name starts from.
        report: Called with lines of progress.
        **fields: The builder's fields.

    Returns:
        What was made: ids, names, folders.

    Raises:
        PluginError: The type is not installed.
        DeclarationError: A field does not fit.
        UserError: The project does not trust the model's format.
        MlemError: It can't be built.
    """
    place = locate(model_name(model), project)
    builder: Builder = registry().get("builder", type_).from_data(plain(fields), f"build {type_}")
    meta = load_meta(place.source, kind="model")
    load_config(place.root).core.trust.check(meta, place.source)
    return builder.build(meta, report)


def serve(
    *models: Name | Model,
    host: str = "127.0.0.1",
    port: int = 8080,
    reload: bool = False,
    project: Name | None = None,
) -> None:
    """Serve saved models over HTTP in this process, until SIGTERM or SIGINT, as ``mlem serve`` does.

    A single model answers at the root, each of several under ``/models/NAME/``. It behaves like a program of its own:
    it handles these signals and sets up its log. Call it in the main thread.

    Args:
        models: The models' names, or what `save` returned; a folder stands for all models in it.
        host: Address to listen on; ``0.0.0.0`` lets other machines in.
        port: Port to listen on; 0 for any free one.
        reload: Whether a model that is saved again takes the place of the one that is served.
        project: Folder that a relative name starts from.

    Raises:
        PluginError: The server is not installed.
        UserError: No model is named, or models of projects that trust other formats.
        MlemError: A model can't be loaded, or the address can't be used.
    """
    found = [_to_serve(model, project) for model in models]
    if not found:
        raise UserError("no model is named", hint='serve("iris"), or serve("models/") for all models in a folder')
    first, *others = [load_config(root).core.trust for _, root in found]
    if any(trust != first for trust in others):
        raise UserError(
            "the models are from projects that trust different formats", hint="serve those of a project at a time"
        )
    try:
        from mlem_server import Settings, protected
        from mlem_server import serve as run_server
    except ModuleNotFoundError as error:
        if error.name != "mlem_server":
            raise
        raise PluginError("the server is not installed", hint="pip install mlem-server") from error
    run_server([path for path, _ in found], protected(Settings(host=host, port=port, trust=first, reload=reload)))


def _to_serve(model: Name | Model, project: Name | None) -> tuple[Path, Path]:
    """Return the path of a model, or of a folder of models, and the folder whose configuration counts."""
    name = model_name(model)
    folder = (Path(project or ".") / spelt(name)).resolve()
    if folder.is_dir() and not folder.with_name(folder.name + EXTENSION).exists():
        return folder, find_root(folder) or folder
    place = locate(name, project)
    expect_object(place.read("model"), "model", place)
    return place.path, place.root
