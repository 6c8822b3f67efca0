"""Models that were saved without us, by files, folders and URLs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlem.project.config import load_config
from mlem.project.project import Name, locate, spelt
from mlem_model.errors import UserError
from mlem_model.plugins.registry import registry

if TYPE_CHECKING:
    from mlem_model.models.model import Model


def import_model(
    source: Name,
    name: Name,
    *,
    sample: Name | Any | None = None,
    type_: str | None = None,
    methods: Sequence[str] | None = None,
    profile: bool = False,
    require_hashes: bool = False,
    project: Name | None = None,
    overwrite: bool = False,
) -> Model:
    """Make a saved model of a file that its framework has written, of a folder of MLflow, or of what is behind a URL.

    Nothing of a file runs before it is known to be harmless: native formats are read by their frameworks, in another
    process first; of a pickle only classes of known packages are made, and what else it names has to be trusted.

    Args:
        source: A path, or a URL that fsspec knows.
        name: The name to save it under.
        sample: Sample data, or the name of a file of it: CSV, Parquet, JSON, npy; that which came with the model when
            None.
        type_: What the file is, where that can't be seen: the word of a model type, ``pickle``, ``joblib``.
        methods: The methods that can be called; those that its type lists when None.
        profile: Whether to record what the columns of the sample look like; see `mlem.api.save`.
        require_hashes: Whether to record hashes of the packages that it needs; see `mlem.api.save`.
        project: Folder that a relative name starts from.
        overwrite: Whether files that are there may be replaced.

    Returns:
        The metadata.

    Raises:
        NotFoundError: There is no such file.
        UserError: It is nothing that is known, is damaged, or has what could be any code.
        PluginError: Its framework is not installed.
        ConflictError: Something else has the name.
    """
    from mlem.api.objects import save
    from mlem_model.importing.importing import load_file
    from mlem_model.models.model import Model

    place = locate(name, project)
    kinds = list(registry().all("model_type").values())
    trust = load_config(place.root).core.trust
    obj, example = load_file(spelt(source), kinds, type_=type_, trust=trust)
    data = example if sample is None else _sample(sample) if isinstance(sample, str | os.PathLike) else sample
    saved = save(
        obj,
        name,
        sample_data=_fitting(obj, data),
        methods=methods,
        profile=profile,
        require_hashes=require_hashes,
        project=project,
        overwrite=overwrite,
    )
    if not isinstance(saved, Model):
        raise UserError(f"{source} is data, and not a model: it is saved as {name}", code="not-a-model")
    return saved


def read_data(source: Name) -> Any:
    """Read a file of data as what its format suggests: a frame, an array, plain values.

    Raises:
        NotFoundError: There is no such file.
        UserError: It can't be read.
    """
    return _sample(source)


def _sample(source: Name) -> Any:
    from mlem_model.data.formats.files import format_of, opened
    from mlem_model.data.formats.reading import parse_data

    path = spelt(source)
    format_, _ = format_of(path)
    if format_ is None:
        raise UserError(f"{path}: its name does not say of which format it is", code="bad-format", known=["csv", "npy"])
    with opened(path) as file:
        return parse_data(file.read(), format_, Path(path).name, None)


def _fitting(obj: Any, data: Any) -> Any:
    """Return sample data without names of columns where a model was fitted without: it would warn at each call."""
    knows_names = hasattr(obj, "feature_names_in_") or getattr(obj, "feature_names", None)
    if hasattr(data, "columns") and hasattr(obj, "n_features_in_") and not knows_names:
        return data.to_numpy()
    return data
