"""Models of MLEM 0.4 in their frameworks' own files: which file of it the model is, and of which type.

What MLEM 0.4 saved as a pickle is read as it is, by its name; see `mlem_model.legacy.model`.
Source: the modules ``mlem.contrib`` of https://github.com/iterative/mlem (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mlem_model.errors import DeclarationError, UserError
from mlem_model.legacy.model import AGAIN
from mlem_model.objects.object import EXTENSION
from mlem_model.objects.yaml_file import read_mapping

_TYPES: Mapping[str, str | None] = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "onnx": "onnx",
    "torch": "torchscript",
    "tensorflow": None,
    "tf_keras": None,
}
"""Its word for a model -> the model type; None where the file tells."""


def is_mlem04(path: Path) -> bool:
    """Say whether a file is the metadata of a model of MLEM 0.4."""
    return path.suffix == EXTENSION and path.is_file() and "processors" in read_mapping(path)


def read_mlem04(path: Path) -> tuple[Path, str | None]:
    """Return the file, or the folder, of a model of MLEM 0.4, and its model type where that has to be said.

    Args:
        path: Its metadata.

    Raises:
        UserError: It is read as it is, or has what only its framework can load.
        DeclarationError: The metadata can't be read, or name files outside of their folder.
    """
    data = read_mapping(path)
    model = _mapping(_mapping(data.get("processors")).get("model"))
    word = str(model.get("type"))
    if word not in _TYPES:
        raise UserError(
            f"{path.name} is a model that MLEM 0.4 saved as {word!r}",
            code="not-foreign",
            hint=f"it is read as it is: mlem deployment run local app --model {path.stem}; if that refuses it: {AGAIN}",
        )
    if word == "torch" and not _mapping(model.get("io")).get("is_jit"):
        raise UserError(f"{path.name} is a pickle of PyTorch, which is any code", code="untrusted-types", hint=AGAIN)
    names = [str(_mapping(item).get("uri", "")) for item in _mapping(data.get("artifacts")).values()]
    if not names:
        raise DeclarationError(f"{path.name}: artifacts: expected at least one file")
    return _inside(path, names), _TYPES[word]


def _inside(path: Path, names: list[str]) -> Path:
    """Return the one file, or the folder that all of them are in."""
    for name in names:
        if not name.isprintable() or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DeclarationError(f"{path.name}: artifacts: {name!r} is not a file beside it")
    name = names[0] if len(names) == 1 else names[0].partition("/")[0]
    found = path.parent / name
    if not all(one == name or one.startswith(f"{name}/") for one in names) or not found.resolve().is_relative_to(
        path.parent.resolve()
    ):
        raise DeclarationError(f"{path.name}: artifacts: expected one file, or files of one folder, beside it")
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
