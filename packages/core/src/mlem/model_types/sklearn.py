"""Estimators, pipelines and transformers of scikit-learn, and of the packages that build on its base classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mlem.model_types.base import ModelType

_METHODS = ("predict", "predict_proba", "decision_function", "transform")


class SklearnModel(ModelType):
    """An object with a class of scikit-learn among its bases."""

    type: ClassVar[str] = "sklearn"

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return not isinstance(obj, type) and any(base.__module__.partition(".")[0] == "sklearn" for base in type(obj).__mro__)

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`; scikit-learn hides the methods that an object's parameters rule out."""
        return {name: name for name in _METHODS if callable(getattr(obj, name, None))}
