"""Folders of MLflow's models: which file of it the model is, and what MLflow knows of it.

Source: https://mlflow.org/docs/latest/ml/model, "Storage Format" (read 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlem_model.errors import DeclarationError, UserError
from mlem_model.objects.yaml_file import read_mapping

FILE = "MLmodel"
_FILES: Mapping[str, tuple[str, str]] = {
    "sklearn": ("pickled_model", "model.pkl"),
    "xgboost": ("data", "model.ubj"),
    "lightgbm": ("data", "model.lgb"),
    "catboost": ("data", "model.cb"),
    "onnx": ("data", "model.onnx"),
    "keras": ("data", "data/model.keras"),
}
"""Flavour -> the field with the file's path, and its name where the field is missing."""
_TYPES = {"xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost"}
"""Flavours whose files do not tell by their names of which type they are."""
_LARGEST_EXAMPLE = 64 * 2**20


@dataclass(frozen=True)
class MlflowModel:
    """What a folder of MLflow says.

    Attributes:
        file: The file, or the folder, that its framework has written.
        type: The model type, where the file's name does not say it.
        example: The input example, decoded; None without one.
        requirements: Lines of its ``requirements.txt``.
        notes: What is not carried over, one sentence each.
    """

    file: Path
    type: str | None = None
    example: Any = None
    requirements: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_mlflow(path: Path) -> bool:
    """Say whether a folder is a model of MLflow."""
    return (path / FILE).is_file()


def read_mlflow(folder: Path) -> MlflowModel:
    """Read what a folder of MLflow says; nothing is loaded.

    Raises:
        UserError: It has no flavour whose file is known here.
        DeclarationError: Its ``MLmodel`` can't be read, or names files outside of the folder.
    """
    described = read_mapping(folder / FILE)
    flavors = described.get("flavors")
    if not isinstance(flavors, Mapping):
        raise DeclarationError(f"{folder.name}/{FILE}: flavors: expected a mapping")
    flavor = next((name for name in _FILES if isinstance(flavors.get(name), Mapping)), None)
    if flavor is None:
        raise UserError(
            f"{folder.name} is a model of MLflow with the flavors {', '.join(map(str, flavors))}",
            code="unknown-flavor",
            known=sorted(_FILES),
            hint="load it with MLflow, and save what that returns: mlem.api.save(mlflow.pyfunc.load_model(...), ...)",
        )
    field, usual = _FILES[flavor]
    file = _inside(folder, str(flavors[flavor].get(field) or usual))
    example, notes = _example(folder, described.get("saved_input_example_info"))
    requirements = folder / "requirements.txt"
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.is_file() else []
    return MlflowModel(file, _TYPES.get(flavor), example, tuple(filter(None, map(str.strip, lines))), tuple(notes))


def _inside(folder: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise DeclarationError(f"{folder.name}/{FILE}: {name!r} is not a file of the folder")
    found = folder / path
    if not found.resolve().is_relative_to(folder.resolve()):
        raise DeclarationError(f"{folder.name}/{FILE}: {name!r} leads out of the folder")
    return found


def _example(folder: Path, described: Any) -> tuple[Any, list[str]]:
    """Return the input example as a frame or an array, and what is not carried over."""
    if not isinstance(described, Mapping):
        return None, ["it has no input example: name sample data with --sample"]
    kind = str(described.get("type"))
    path = _inside(folder, str(described.get("artifact_path") or "input_example.json"))
    try:
        if path.stat().st_size > _LARGEST_EXAMPLE:
            return None, [f"its input example is larger than {_LARGEST_EXAMPLE // 2**20} MiB, and is left out"]
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return None, [f"its input example can't be read: {error}"]
    try:
        if kind == "dataframe":
            import pandas as pd

            if isinstance(content, Mapping) and "dataframe_split" in content:
                content = content["dataframe_split"]
            if isinstance(content, Mapping) and "data" in content:
                return pd.DataFrame(content["data"], columns=content.get("columns")), []
            return pd.DataFrame(content), []
        if kind == "ndarray":
            import numpy as np

            return np.asarray(content["inputs"] if isinstance(content, Mapping) else content), []
    except Exception as error:  # whatever the libraries raise at what somebody else wrote
        return None, [f"its input example can't be read: {error}"]
    return content, []
