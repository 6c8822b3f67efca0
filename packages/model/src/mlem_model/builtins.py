"""The model types that are always there, registered through the same hook as any plugin's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem_model.hookspecs import hookimpl

if TYPE_CHECKING:
    from mlem_model.models.model_type import ModelType

api_version = 1


@hookimpl
def mlem_model_types() -> Sequence[type[ModelType]]:
    """Return the model types, the more specific first."""
    from mlem_model.frameworks.boosting.catboost import CatboostModel
    from mlem_model.frameworks.boosting.lightgbm import LightgbmEstimator, LightgbmModel
    from mlem_model.frameworks.boosting.xgboost import XgboostEstimator, XgboostModel
    from mlem_model.frameworks.callable import CallableModel, ObjectModel
    from mlem_model.frameworks.onnx import OnnxModel
    from mlem_model.frameworks.sklearn import SklearnModel
    from mlem_model.frameworks.skops import SkopsModel

    boosting = [XgboostModel, XgboostEstimator, LightgbmModel, LightgbmEstimator, CatboostModel]
    return [*boosting, SklearnModel, SkopsModel, OnnxModel, ObjectModel, CallableModel]
