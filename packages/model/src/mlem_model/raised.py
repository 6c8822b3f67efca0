"""What foreign code raised, in a few words on one line."""

from __future__ import annotations


def in_words(error: BaseException, max_chars: int = 300) -> str:
    """Return the type of an exception and its message.

    Args:
        error: The exception; one whose message can't be made is told by its type.
        max_chars: How much of it to show.
    """
    text = " ".join(_text(error).split())
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return words if len(words) <= max_chars else f"{words[:max_chars]}..."


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error class of somebody else's, whose text can't be made
        return ""
