"""What a model raises: its own error, told in a few words, without a trace of its code."""

from __future__ import annotations

from mlem_model.errors import MlemError, PlatformError, UserError
from mlem_model.raised import in_words

MAX_CHARS = 1000


class UnfitError(UserError):
    """The format of a model type can't hold an object: the next type that matches is taken, if there is one."""


def model_failed(called: str, error: BaseException, *, hint: str | None = None) -> MlemError:
    """Return the error for a model that raised.

    Args:
        called: The method's public name.
        error: What it raised.
        hint: What to do.

    Returns:
        A `UserError` for a ValueError, TypeError or KeyError, which is how models refuse their input; else a
        `PlatformError`. A deployment answers with the same codes.
    """
    shown = in_words(error, MAX_CHARS)
    if isinstance(error, ValueError | TypeError | KeyError):
        return UserError(f"{called}: the model refused the data: {shown}", code="model-refused", hint=hint)
    return PlatformError(f"{called}: the model failed: {shown}", code="model-failed", hint=hint)
