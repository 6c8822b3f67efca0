"""Which model types an object belongs to: every installed one is asked; one that fails is passed over."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from mlem_model.interrupts import INTERRUPTS
from mlem_model.models.model_type import ModelType
from mlem_model.raised import in_words

_log = logging.getLogger("mlem.plugins")


def kinds_of(obj: Any, model_types: Iterable[type[ModelType]]) -> list[type[ModelType]]:
    """Return the kinds that an object is of, in the order in which they are given.

    Args:
        obj: Any object.
        model_types: The kinds to ask.
    """
    return [kind for kind in model_types if _matches(kind, obj)]


def _matches(kind: type[ModelType], obj: Any) -> bool:
    try:
        return bool(kind.matches(obj))
    except INTERRUPTS:
        raise
    except BaseException as error:  # foreign code must not end the saving of a model that is not its own
        owner = kind.made_by or kind.__module__
        _log.warning('model type "%s" of %s is passed over: matches raised %s', kind.type, owner, in_words(error))
        return False
