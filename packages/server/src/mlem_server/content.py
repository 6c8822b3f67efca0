"""What a body is: its media type, checked before the body is read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlem.wire import ARROW, JSON, NPY
from mlem_server.errors import HttpError

CSV = "text/csv"
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)")
_CHARSET = re.compile(r'charset\s*=\s*"?([\w-]+)', re.IGNORECASE)


def content_type(headers: Mapping[bytes, bytes], *, csv: bool = False) -> str:
    """Return the media type of a body: one of ``JSON``, ``NPY``, ``ARROW``, ``CSV``; nothing announced is JSON.

    Args:
        headers: The request's.
        csv: Whether CSV is accepted.

    Raises:
        HttpError: 415 for another one, another charset than UTF-8, or a compressed body.
    """
    value = headers.get(b"content-type")
    encoding = headers.get(b"content-encoding")
    if value == b"application/json" and encoding is None:
        return JSON
    media_type, _, parameters = (value or b"application/json").decode("latin-1").partition(";")
    media_type = media_type.strip().lower()
    charset = _CHARSET.search(parameters)
    if _JSON_TYPE.fullmatch(media_type):
        found = JSON
    elif media_type in (NPY, ARROW) or (csv and media_type == CSV):
        found = media_type
    else:
        raise _refusal(f"content type {media_type[:80]!r}", csv)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _refusal(f"charset {charset[1][:80]!r}", csv)
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        raise _refusal(f"content encoding {encoding.decode('latin-1')[:80]!r}", csv)
    return found


def _refusal(wrong: str, csv: bool) -> HttpError:
    known = [JSON, NPY, ARROW, *([CSV] if csv else [])]
    hint = "send JSON, with the header Content-Type: application/json"
    return HttpError(415, "bad-content-type", f"{wrong} is not accepted", hint=hint, known=known)
