"""Which method a call is for: here, where a deployment is asked, and in every protocol of the server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from mlem_model.errors import UserError
from mlem_model.objects.validation import did_you_mean

PREDICT = "predict"
MethodT = TypeVar("MethodT")


def default_method(methods: Collection[str]) -> str:
    """Return the method that is called where none is named: ``predict``, or a model's first where it has none.

    Args:
        methods: The public names of the model's methods, in its order.

    Example:
        >>> default_method(["predict_proba", "predict"]), default_method(["encode"])
        ('predict', 'encode')
    """
    return PREDICT if PREDICT in methods else next(iter(methods), PREDICT)


def find_method(methods: Mapping[str, MethodT], name: str) -> MethodT:
    """Return the method of a public name.

    Args:
        methods: A model's methods by public name.
        name: The name.

    Raises:
        UserError: There is no such method; the error lists those that exist.
    """
    if name not in methods:
        known = sorted(methods)
        raise UserError(
            f'the model has no method "{name}"', code="unknown-method", known=known, hint=did_you_mean(name, known)
        )
    return methods[name]
