"""What a model raised, and who can do something about it.

The caller, who can correct the data, or the owner of the model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from mlem_model.errors import DataError
from mlem_server.http.errors import HttpError
from mlem_server.inference.errors import ModelFailedError
from mlem_server.inference.invalid_input import invalid_input

MOST_CHARACTERS = 500
_READ_CHARACTERS = 4000
_TRACEBACK = "Traceback (most recent call last)"
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_PLACE = re.compile(
    r"""
      File\ "[^"\n]*",\ line\ \d+(?:,\ in\ \S+)?                          # of a traceback
    | (?<!\w)(?P<quote>['"])(?:\w+:/|/|~|\.{1,2}[\\/]|[A-Za-z]:[\\/]|\\\\)[^'"\n]+(?P=quote)  # in quotes, with blanks
    | \b[A-Za-z][\w+.-]*://[^\s'"<>]+                                     # of a store, a site, a file
    | (?<![\w/])(?:~[\w.-]*)?/[^\s'"<>|:;,()\[\]{}]+                                 # from the root, or from home
    | (?<!\w)[A-Za-z]:[\\/][^\s'"<>|;,()\[\]{}]+                          # from a drive
    | (?<![\w\\])\\\\[\w.-]+\\[^\s'"<>|;,()\[\]{}]+                       # of another machine
    | (?<![\w/])(?:\.{1,2}/)?(?:[\w.-]+/)+[\w.-]+\.[A-Za-z]\w{0,7}\b      # a file in a folder
    | \ at\ 0x[0-9A-Fa-f]{4,16}\b                                         # where an object is in memory
    """,
    re.VERBOSE,
)


class ModelRefusedError(ModelFailedError):
    """The model raised an error about the data: the caller can correct it.

    Args:
        method: The method's public name.
        text: What the model says, as a caller may see it.
        unusual: What the data has that many models refuse; None when there is nothing like it.
    """

    def __init__(self, method: str, text: str, unusual: DataError | None) -> None:
        super().__init__(method)
        self._method = method
        self._text = text
        self._unusual = unusual

    def refusal(self, request_id: str, *, hidden: bool) -> HttpError:
        """Return the answer.

        Args:
            request_id: The id under which the log has it.
            hidden: Whether the model's words are hidden from callers.
        """
        found = self._unusual
        if found is not None:
            message = f"{found.path}: the model refused the data: expected {found.expected}, got {found.got}"
            details = {"path": found.path, "expected": found.expected, "got": found.got}
            return HttpError(
                422, "bad-data", message, hint=None if hidden else f"the model says: {self._text}", details=details
            )
        why = f"the server's log has the reason under the request's id {request_id}" if hidden else self._text
        details = {"request_id": request_id}
        return HttpError(422, "model-refused", f"{self._method}: the model refused the data: {why}", details=details)


def failure(method: str, error: Exception, values: Mapping[str, Any]) -> ModelFailedError:
    """Decide who can do something about an exception that a model raised.

    A ValueError or a TypeError is how Python's libraries refuse data. A KeyError is about the data when the key is part
    of it: a category that the model does not know. Everything else, including a missing attribute or a missing file, is
    about the model.

    Args:
        method: The method's public name.
        error: What it raised.
        values: Values by argument name.
    """
    if isinstance(error, KeyError) and len(error.args) == 1 and _is_part(error.args[0], values):
        return ModelRefusedError(method, shown(f"it does not know {error.args[0]!r}"), None)
    if isinstance(error, ValueError | TypeError) and not isinstance(error, AttributeError | ImportError | OSError):
        return ModelRefusedError(method, _said(error), invalid_input(values))
    return ModelFailedError(method)


def shown(text: str) -> str:
    """Return a model's words as callers may see them: short, without control characters, paths, addresses, tracebacks.

    Args:
        text: Any text.
    """
    text = _ESCAPE.sub("", text[:_READ_CHARACTERS]).partition(_TRACEBACK)[0]
    text = "".join(character if unicodedata.category(character)[0] != "C" else " " for character in text)
    text = " ".join(_PLACE.sub(_instead, text).split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _instead(found: re.Match[str]) -> str:
    return "" if found[0].startswith(" at ") else "[path]"


def _said(error: Exception) -> str:
    try:
        text = shown(str(error))
    except Exception:  # the model's own class may fail even there
        text = ""
    return text or type(error).__name__


def _is_part(key: Any, value: Any) -> bool:
    """Whether a key is among the values of some data."""
    if isinstance(key, tuple) and key:
        return all(_is_part(part, value) for part in key)
    if hasattr(key, "item") and not isinstance(key, str | bytes):  # a scalar of NumPy's
        key = key.item()
    if isinstance(key, bool) or not isinstance(key, str | int | float):
        return False
    return _has(value, key)


def _has(value: Any, key: str | float) -> bool:
    if isinstance(value, Mapping):
        return any(_has(part, key) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(_has(part, key) for part in value)
    try:
        if hasattr(value, "isin"):  # a frame, a series
            found = value.isin([key])
            return bool(getattr(found, "values", found).any())
        if hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0:
            return key in value.ravel().tolist()
        return bool(value == key)
    except Exception:  # a value of any library: what can't be compared is not the key
        return False
