"""Loading what was saved: verified, trusted, and as its model type reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlem_model.artifacts import transfer as artifacts
from mlem_model.artifacts.folder import files_of, laid_out
from mlem_model.artifacts.transfer import Opener, open_artifact
from mlem_model.artifacts.trust import ASIDES, Trust
from mlem_model.errors import DeclarationError, PluginError
from mlem_model.models.model import Model
from mlem_model.models.model_type import ModelType
from mlem_model.models.pickling import pickles

DATA = "data"
"""The key of a model's only artifact, and the beginning of the keys of several."""


def load_model(
    model: Model,
    folder: Path | str,
    model_types: Sequence[type[ModelType]] = (),
    *,
    trust: Trust = Trust(),
    opener: Opener = open_artifact,
    served: bool = False,
) -> Any:
    """Load the object of a model. This runs code that the artifact names; its digest is verified before.

    Args:
        model: The metadata.
        folder: The folder, or the fsspec URL, that has its file.
        model_types: The kinds of objects that can be loaded, for formats other than pickle.
        trust: What may be loaded.
        opener: Opens an address; for stores that need credentials of their own.
        served: Whether it is loaded to be called: then it is what the model's type has in the object's place, and
            where it is to answer.

    Raises:
        ConflictError: An artifact is not what was saved.
        NotFoundError: An artifact is not there.
        PluginError: A package that it needs is missing, the model's type is, or it has code that this Python can't run.
        UserError: Its format, or a class that it has, is not trusted.
    """
    trust.check(model, artifacts.join(folder, next(iter(model.artifacts.values())).uri if model.artifacts else ""))
    kind = next((kind for kind in model_types if kind.type == model.model_type), None)
    if kind is None and any(one.format != "pickle" for key, one in model.artifacts.items() if key not in ASIDES):
        raise PluginError(f'no model type "{model.model_type}" is installed', known=[kind.type for kind in model_types])
    loaded = load_object(model, folder, kind, trust, opener)
    return kind.served(kind.placed(loaded)) if kind is not None and served else loaded


def load_object(
    model: Model, folder: Path | str, kind: type[ModelType] | None, trust: Trust, opener: Opener = open_artifact
) -> Any:
    """Load the object of a model that is trusted; see `load_model`."""
    files = files_of(model.artifacts, DATA)
    expected = {f"{DATA}/{inside}" for inside in files} or {DATA}
    if not expected <= model.artifacts.keys() or model.artifacts.keys() - expected - ASIDES:
        raise DeclarationError(f'expected one artifact, "{DATA}", got {", ".join(model.artifacts) or "none"}')
    if kind is not None and kind.files != bool(files):
        raise DeclarationError(f"a {kind.type} model is saved as {'files' if kind.files else 'one file'}")
    if files and kind is not None:
        with laid_out(files, folder, opener) as place:
            return kind.load_files(place, model.requirements, trusted=trust.types)
    artifact = model.artifacts[DATA]
    with artifacts.verified(artifact, folder, opener) as file:
        if artifact.format == "pickle":
            pickles.expect_python(file, artifact.code or model.python, known=artifact.code is not None)
        return (
            kind.load(file, model.requirements, trusted=trust.types) if kind else pickles.load(file, model.requirements)
        )
