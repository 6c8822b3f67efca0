"""CatBoost's models in its binary format, ``cbm``: loading runs no code of the file.

Source: https://catboost.ai/docs/en/concepts/python-reference_catboost_save_model (read 2026-11).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.boosting.written import written
from mlem_model.models.model_type import ModelType

_MAGIC = b"CBM1"
_HEADER = struct.Struct("<I")
"""After the magic number a file has the size of the trees, in bytes; CatBoost itself reads on beyond the file's end."""
_CLASS = "mlem.class"
_METHODS = ("predict", "predict_proba", "predict_log_proba")
_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")


class CatboostModel(ModelType):
    """A model of CatBoost, of any of its classes; which one it is stands in the file's own metadata."""

    type: ClassVar[str] = "catboost"
    format: ClassVar[str] = "cbm"
    converts: ClassVar[bool] = True
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".cbm", ".cb")

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`; a subclass of the user's is code, and stays a pickle."""
        return type(obj).__module__.partition(".")[0] == "catboost" and type(obj).__name__ in _CLASSES

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {name: name for name in _METHODS if callable(getattr(obj, name, None))}

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`."""
        return True

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`.

        Raises:
            UserError: It has not been fitted.
        """

        def save(path: Path) -> None:
            metadata = obj.get_metadata()
            metadata[_CLASS] = type(obj).__name__
            try:
                obj.save_model(str(path), format="cbm")
            finally:
                del metadata[_CLASS]

        file.write(written(obj, save, ".cbm"))
        return frozenset({"catboost", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: It is not such a model.
        """
        try:
            import catboost
        except ImportError as error:
            raise PluginError(
                "models in the format of CatBoost need the package catboost", hint="pip install catboost"
            ) from error
        content = file.read()
        if content[:4] == _MAGIC and _HEADER.unpack(content[4:8].ljust(4, b"\xff"))[0] > len(content) - 8:
            raise UserError("this is not a whole model of CatBoost: its end is missing", code="no-catboost")
        try:
            found = catboost.CatBoost().load_model(blob=content)
            named = found.get_metadata().get(_CLASS, "CatBoost")
            return getattr(catboost, named)().load_model(blob=content) if named in _CLASSES[1:] else found
        except Exception as error:  # catboost.CatBoostError
            raise UserError(f"this is not a model of CatBoost: {str(error)[:300]}", code="no-catboost") from error
