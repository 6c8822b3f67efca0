"""What a model raises: its own error, told in a few words, without a trace of its code."""

from __future__ import annotations

from mlem.errors import MlemError, PlatformError, UserError

MAX_CHARS = 1000
CODE = "model-failed"


def model_failed(called: str, error: BaseException, *, hint: str | None = None) -> MlemError:
    """Return the error for a model that raised.

    Args:
        called: The method's public name.
        error: What it raised.
        hint: What to do.

    Returns:
        A `UserError` for a ValueError or TypeError, which is how models refuse their input; else a `PlatformError`, as a server's 500 is.
    """
    text = " ".join(_text(error).split())
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    message = f"{called}: the model failed: {words[:MAX_CHARS]}{'...' if len(words) > MAX_CHARS else ''}"
    kind = UserError if isinstance(error, ValueError | TypeError) else PlatformError
    return kind(message, code=CODE, hint=hint)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of the user's own, whose text can't be made
        return ""
