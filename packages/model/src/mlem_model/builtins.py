"""The model types and data types that are always there, registered through the same hooks as any plugin's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem_model.hookspecs import hookimpl

if TYPE_CHECKING:
    from mlem_model.data.types.base import DataType
    from mlem_model.models.model_type import ModelType

api_version = 1


@hookimpl
def mlem_model_types() -> Sequence[type[ModelType]]:
    """Return the model types, the more specific first."""
    from mlem_model.frameworks.boosting.catboost import CatboostModel
    from mlem_model.frameworks.boosting.lightgbm import LightgbmEstimator, LightgbmModel
    from mlem_model.frameworks.boosting.xgboost import XgboostEstimator, XgboostModel
    from mlem_model.frameworks.callable import CallableModel, ObjectModel
    from mlem_model.frameworks.neural.graph import OnnxGraph
    from mlem_model.frameworks.neural.keras import KerasModel
    from mlem_model.frameworks.neural.tensorflow import TensorflowModel
    from mlem_model.frameworks.neural.torch import TorchModel, TorchModule
    from mlem_model.frameworks.neural.torchscript import TorchScriptModel
    from mlem_model.frameworks.onnx import OnnxModel
    from mlem_model.frameworks.sklearn import SklearnModel
    from mlem_model.frameworks.skops import SkopsModel
    from mlem_model.frameworks.statistics.prophet import ProphetModel
    from mlem_model.frameworks.statistics.statsmodels import StatsmodelsResults
    from mlem_model.frameworks.text.sentence_transformers import SentenceTransformersModel
    from mlem_model.frameworks.text.spacy import SpacyModel
    from mlem_model.frameworks.text.transformers import TransformersModel, TransformersPipeline

    boosting = [XgboostModel, XgboostEstimator, LightgbmModel, LightgbmEstimator, CatboostModel]
    neural = [KerasModel, TensorflowModel, OnnxGraph, TorchModel, TorchScriptModel, TorchModule]
    text = [SentenceTransformersModel, TransformersPipeline, TransformersModel, SpacyModel]
    statistics = [ProphetModel, StatsmodelsResults]
    return [*text, *neural, *boosting, *statistics, SklearnModel, SkopsModel, OnnxModel, ObjectModel, CallableModel]


@hookimpl
def mlem_data_types() -> Sequence[type[DataType]]:
    """Return the data types, in the order in which they are asked."""
    from mlem_model.data.types.any import CLASSES

    return list(CLASSES)
