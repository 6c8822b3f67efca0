"""XGBoost's models in its binary format, UBJSON: loading runs no code of the file.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html (read 2026-11).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.data.types.arrays.dmatrix import values_of
from mlem_model.errors import PluginError, UserError
from mlem_model.frameworks.boosting.served_booster import ServedBooster
from mlem_model.frameworks.boosting.written import written
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

_ESTIMATORS = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
"""The classes of the scikit-learn interface by the kind that a file has on record."""
_FORESTS = ("XGBRFClassifier", "XGBRFRegressor")
"""Random forests: the file has them as the classes that they are made of, which answer the same."""


class XgboostModel(ModelType):
    """A ``Booster``: what is served takes frames and arrays, and makes a ``DMatrix`` where it needs one."""

    type: ClassVar[str] = "xgboost"
    format: ClassVar[str] = "ubj"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".ubj", ".xgb", ".bst")

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return (type(obj).__module__.partition(".")[0], type(obj).__name__) == ("xgboost", "Booster")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `ModelType.recognises`; a file in JSON is known by its start."""
        if path.is_file() and path.suffix == ".json":
            with path.open("rb") as file:
                return b'"learner"' in file.read(200)
        return super().recognises(path)

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.read`; what the interface for scikit-learn has written becomes an estimator again."""
        with path.open("rb") as file:
            content = file.read()
        booster = _booster(content)
        return XgboostEstimator.load(io.BytesIO(content)) if booster.attr("scikit_learn") else booster

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: PREDICT}

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return ServedBooster(obj)

    @classmethod
    def sample_of(cls, obj: Any, method: str, sample_data: Any) -> Any:
        """See `ModelType.sample_of`; callers have what a ``DMatrix`` was made of, and not the matrix."""
        if type(sample_data).__name__ != "DMatrix":
            return sample_data
        values = values_of(sample_data)
        if not sample_data.feature_names or "c" in (sample_data.feature_types or ()):
            return values
        import pandas as pd

        return pd.DataFrame(values, columns=sample_data.feature_names)

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`."""
        return True

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        file.write(obj.save_raw("ubj"))
        return frozenset({"xgboost", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`."""
        return _booster(file.read())


class XgboostEstimator(SklearnModel):
    """An estimator of XGBoost's interface for scikit-learn, with what makes it one: labels, parameters."""

    type: ClassVar[str] = "xgboost_sklearn"
    format: ClassVar[str] = "ubj"
    converts: ClassVar[bool] = True

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`; a subclass of the user's is code, and stays a pickle."""
        cls_ = type(obj)
        return cls_.__module__ == "xgboost.sklearn" and cls_.__name__ in (*_ESTIMATORS.values(), *_FORESTS)

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`.

        Raises:
            UserError: It has not been fitted.
        """
        file.write(written(obj, obj.save_model, ".ubj"))
        return frozenset({"xgboost", "sklearn", "numpy"})

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`."""
        import xgboost

        content = file.read()
        kind = json.loads(_booster(content).attr("scikit_learn") or "{}").get("_estimator_type")
        name = _ESTIMATORS.get(str(kind))
        if name is None:
            raise UserError("this file has no estimator of XGBoost's interface for scikit-learn", code="no-xgboost")
        found = getattr(xgboost, name)()
        found.load_model(bytearray(content))
        return found


def _booster(content: bytes) -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise PluginError(
            "models in the format of XGBoost need the package xgboost", hint="pip install xgboost"
        ) from error
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except Exception as error:  # xgboost.core.XGBoostError, and what its parser raises
        raise UserError(f"this is not a model of XGBoost: {str(error)[:300]}", code="no-xgboost") from error
    return booster
