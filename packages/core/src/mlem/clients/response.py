"""Translation of a server's answers: the JSON of a good one, a typed error for every other.

=====================  ==================================================  ======================
status                 error                                               code
=====================  ==================================================  ======================
401, 403               `CredentialsError`                                  ``credentials``
404                    `UserError`                                         as the server says
400, 411, 413, 415     `UserError`                                         as the server says
422                    `DataError` with path, expected and got             as the server says
429, 503               `PlatformError`                                     ``overloaded``, or as the server says
500 and above          `PlatformError`                                     as the server says
anything but JSON      `PlatformError`                                     ``not-a-mlem-server``
=====================  ==================================================  ======================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlem_model.errors import CredentialsError, DataError, MlemError, PlatformError, UserError


@dataclass(frozen=True)
class Response:
    """What a server sent back.

    Attributes:
        status: The HTTP status.
        content_type: The header, empty when absent.
        retry_after: The header, unchanged.
        body: The whole body.
        items: What the rest is read from, if the answer comes item by item; see `mlem.clients.lines`.
    """

    status: int
    content_type: str
    retry_after: str | None
    body: bytes | bytearray
    items: Any = None

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before asking again; None without the header, or where it is a date."""
        value = (self.retry_after or "").strip()
        return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None

    def document(self) -> Any:
        """Return the parsed body; None when it is not JSON."""
        if "json" not in self.content_type.lower():
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def error(self) -> Mapping[str, Any]:
        """Return the server's description of an error; empty when it has none in our form."""
        document = self.document()
        error = document.get("error") if isinstance(document, dict) else None
        return error if isinstance(error, dict) and isinstance(error.get("message"), str) else {}


def check_response(answer: Response, url: str) -> Any:
    """Return the JSON of a good answer.

    Args:
        answer: What the server sent back.
        url: The server's address, for messages.

    Raises:
        MlemError: See the table above.
    """
    if answer.status == 200:
        document = answer.document()
        if document is None and answer.body.strip() != b"null":
            raise not_a_server(url, f"it answers with {answer.content_type or 'no content type'} instead of JSON")
        return document
    raise translate(answer, url)


def not_a_server(url: str, why: str) -> PlatformError:
    """Return the error for an address at which something else answers."""
    return PlatformError(f"{url} is not an mlem server: {why}", code="not-a-mlem-server", hint="check the address")


def too_large(url: str, most_bytes: float) -> PlatformError:
    """Return the error for an answer that is larger than the caller allows.

    Args:
        url: The server's address, or the method that was called.
        most_bytes: How large it may be, in memory.
    """
    message = f"the answer of {url} is larger than {most_bytes / 2**20:g} MiB"
    hint = "ask for fewer rows at once, or allow more: max_answer_mib, --max-answer-mib"
    return PlatformError(message, code="answer-too-large", hint=hint)


def translate(answer: Response, url: str) -> MlemError:
    """Return the typed error for a bad answer."""
    error = answer.error()
    message = error.get("message", f"{url} answered with status {answer.status}")
    code: str | None = _text(error.get("code"))
    hint = _text(error.get("hint"))
    known = tuple(map(str, error["known"])) if isinstance(error.get("known"), list) else ()
    if answer.status in (401, 403):
        return CredentialsError(message, hint="set MLEM_TOKEN to a token that the server accepts")
    if answer.status in (429, 503):
        return PlatformError(message, code=code or "overloaded", hint=hint or "repeat the call later")
    if answer.status >= 500:
        return PlatformError(message, code=code, hint=hint)
    if not error:
        return not_a_server(url, f"it answered with status {answer.status}")
    if answer.status == 422 and {"path", "expected", "got"} <= error.keys():
        return DataError(str(error["path"]), str(error["expected"]), str(error["got"]), hint=hint)
    return UserError(message, hint=hint, known=known, code=code)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
