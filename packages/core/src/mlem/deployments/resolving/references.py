"""What a user typed in the current folder, written as a declaration in another one keeps it.

Names of models and envs, and paths.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlem.deployments.deployment import Deployment
from mlem.project.project import Location, Name, locate, spelt
from mlem_model.errors import PluginError, UserError
from mlem_model.objects.object import MlemObject
from mlem_model.plugins.registry import registry


def kept_fields(
    cls: type[MlemObject], values: Mapping[str, Any], project: Name | None, location: Location
) -> dict[str, Any]:
    """Return fields as a declaration has them.

    Args:
        cls: The class that is declared.
        values: Fields as typed; ``model`` may be what saving it returned.
        project: Folder that typed names start from; paths start from the current one.
        location: The declaration that will have them.
    """
    found = {name: value if name == "model" else plain(value) for name, value in values.items()}
    moved = _mover(location)
    found = cls.with_paths(found, moved)
    if issubclass(cls, Deployment):
        if found.get("model") is not None:
            found["model"] = object_reference(model_name(values["model"]), project, location)
        if isinstance(found.get("env"), Mapping):
            with contextlib.suppress(PluginError):  # who resolves the env says what is wrong
                found["env"] = registry().beside(cls, "env", cls.env_type).with_paths(found["env"], moved)
        elif (
            isinstance(found.get("env"), str)
            and "://" not in found["env"]
            and locate(found["env"], project).path.is_file()
        ):
            found["env"] = object_reference(found["env"], project, location)
    return found


def object_reference(name: str, project: Name | None, location: Location) -> str:
    """Write an object's name, as typed in the current folder, as a declaration should keep it.

    Args:
        name: As typed.
        project: The folder that typed names start from; the current one when None.
        location: The declaration that will have it.
    """
    if "://" in name:
        return name
    place = locate(name, project)
    stem = place.path.with_suffix("")
    return stem.relative_to(location.root).as_posix() if stem.is_relative_to(location.root) else str(stem)


def model_name(model: Any) -> str:
    """Return the name of a model as a user types it.

    Args:
        model: Its name, or what saving it or reading its metadata returned.

    Raises:
        UserError: It is something else, or metadata that was neither saved nor read by this program.
    """
    if isinstance(model, str | os.PathLike):
        return spelt(model)
    from mlem_model.models.model import Model  # late: who names a model by a text needs no data types

    if not isinstance(model, Model) or model.location is None:
        raise UserError(
            f"model: expected a name, or what saving a model returned, got a {type(model).__qualname__}",
            code="no-model",
            hint='save it first: model=mlem.api.save(obj, "name", sample_data=...)',
        )
    return model.location


def plain(value: Any) -> Any:
    """Return a value as a file has it: paths as text, also within."""
    if isinstance(value, os.PathLike):
        return spelt(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _mover(location: Location) -> Callable[[str], str]:
    here, there = Path.cwd().resolve(), location.path.parent

    def moved(path: str) -> str:
        if here == there or path.startswith(("~", "${")) or Path(path).is_absolute():
            return path
        return os.path.relpath(here / path, there)

    return moved
