"""The paths of models: a file, a name beside it, or a folder that stands for all models in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlem_model.errors import NotFoundError, UserError
from mlem_model.models.model import Model
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.yaml_file import read_mapping


def paths_by_name(models: Sequence[str | Path]) -> dict[str, Path]:
    """Return the path of each model's metadata, by the model's name.

    Args:
        models: Paths with or without the extension: ``models/rf`` is ``models/rf.mlem``. A folder stands for the models
            in it, by name; what else is in it does not matter.

    Raises:
        NotFoundError: A folder has no model.
        UserError: Two models have the same name.
    """
    found: dict[str, Path] = {}
    for path in (path for model in models for path in _paths(Path(model))):
        name = path.name.removesuffix(EXTENSION)
        if name in found and found[name].absolute() != path.absolute():
            raise UserError(
                f'two models have the name "{name}": {found[name]} and {path}',
                hint="each of several models is served under its name: rename one of the two",
            )
        found[name] = path
    return found


def _paths(path: Path) -> Iterator[Path]:
    beside = path if not path.name or path.name.endswith(EXTENSION) else path.with_name(path.name + EXTENSION)
    if not path.is_dir() or (path != beside and beside.exists()):
        yield beside
        return
    inside = [file for file in sorted(path.glob(f"*{EXTENSION}")) if file.is_file() and _is_model(file)]
    if not inside:
        raise NotFoundError(f"there is no model in the folder {path}", hint="mlem save puts one there")
    yield from inside


def _is_model(file: Path) -> bool:
    """Whether it is a model's metadata.

    Raises:
        MlemError: It can't be read.
    """
    return bool(read_mapping(file).get("object_type", Model.object_type) == Model.object_type)
