"""Functions, lambdas, bound methods, partials and objects with ``__call__``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mlem.model import PREDICT
from mlem.model_types.base import ModelType


class CallableModel(ModelType):
    """Anything that can be called, except classes; its only method is ``predict``."""

    type: ClassVar[str] = "callable"

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return callable(obj) and not isinstance(obj, type)

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: "__call__"}
