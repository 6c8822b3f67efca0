"""What a file or a folder is: asked of each model type, then of the formats that every type shares."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from mlem_model.errors import NotFoundError, UserError
from mlem_model.models.model_type import ModelType

PICKLE = "pickle"
JOBLIB = "joblib"
_PICKLES = (".pkl", ".pickle", ".p")
_JOBLIB = (".joblib", ".jl", ".gz", ".z", ".xz", ".bz2", ".lzma")


def kind_of_file(path: Path, model_types: Sequence[type[ModelType]], named: str | None) -> type[ModelType] | str:
    """Return the model type that a file or a folder is of, or one of `PICKLE` and `JOBLIB`.

    Args:
        path: The file or the folder.
        model_types: The installed types, the more specific first.
        named: What the user says that it is: the word of a type, or ``pickle``, ``joblib``; None to find out.

    Raises:
        NotFoundError: There is no such file.
        UserError: Nothing knows it.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist", code="not-found")
    importing = [kind for kind in model_types if kind.imports]
    known = sorted({*(kind.type for kind in importing), PICKLE, JOBLIB})
    if named is not None:
        if named in (PICKLE, JOBLIB):
            return named
        chosen = next((kind for kind in importing if kind.type == named), None)
        if chosen is None:
            raise UserError(f'no type "{named}" of files of models', known=known, code="unknown-type")
        return chosen
    found = next((kind for kind in importing if kind.recognises(path)), None)
    if found is not None:
        return found
    head = _head(path)
    suffix = path.suffix.lower()
    if path.is_file() and suffix in _JOBLIB:
        return JOBLIB
    if path.is_file() and (suffix in _PICKLES or head[:1] == b"\x80") and not zipfile.is_zipfile(path):
        return JOBLIB if b"joblib.numpy_pickle" in head or head[:1] != b"\x80" else PICKLE
    raise UserError(
        f"{path.name} is no file of a model that is known here",
        known=known,
        code="unknown-file",
        hint="say what it is: --type TYPE; or load it with its framework, and save it with mlem.api.save",
    )


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(4096)
