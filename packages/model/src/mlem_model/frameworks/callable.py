"""Functions, lambdas, bound methods, partials, objects with ``__call__``, and any other object with methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType


class CallableModel(ModelType):
    """Anything that can be called, except classes; its only method is ``predict``."""

    type: ClassVar[str] = "callable"
    first_only: ClassVar[bool] = False

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`; an object with a method ``predict`` is asked by that."""
        return callable(obj) and not isinstance(obj, type) and not ObjectModel.matches(obj)

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: "__call__"}


class ObjectModel(ModelType):
    """An object of any class that has a method ``predict``; others of its methods are named when it is saved."""

    type: ClassVar[str] = "object"
    first_only: ClassVar[bool] = False

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return not isinstance(obj, type) and callable(getattr(type(obj), PREDICT, None) or vars_of(obj).get(PREDICT))

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return {PREDICT: PREDICT}


def vars_of(obj: Any) -> Mapping[str, Any]:
    """Return the attributes that an object itself has; none where it keeps them elsewhere."""
    found = getattr(obj, "__dict__", {})
    return found if isinstance(found, dict) else {}
