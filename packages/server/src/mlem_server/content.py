"""What a body is: its media type, checked before the body is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mlem.wire import ARROW, JSON, NPY
from mlem_server.errors import HttpError

CSV = "text/csv"
FILES = {
    CSV: "csv",
    "application/jsonlines": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}
"""Formats of files that SageMaker's callers send, by media type. Source: SageMaker developer guide, "Common data formats for inference",
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html (read 2026-11)."""
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)")
_CHARSET = re.compile(r'charset\s*=\s*"?([\w-]+)', re.IGNORECASE)


def content_type(headers: Mapping[bytes, bytes], more: Collection[str] = ()) -> str:
    """Return the media type of a body: ``JSON``, ``NPY``, ``ARROW``, or one more; nothing announced is JSON.

    Args:
        headers: The request's.
        more: What is accepted beside them.

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
    elif media_type in (NPY, ARROW) or media_type in more:
        found = media_type
    else:
        raise _refusal(f"content type {media_type[:80]!r}", more)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _refusal(f"charset {charset[1][:80]!r}", more)
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        raise _refusal(f"content encoding {encoding.decode('latin-1')[:80]!r}", more)
    return found


def _refusal(wrong: str, more: Collection[str]) -> HttpError:
    known = [JSON, NPY, ARROW, *more]
    hint = "send JSON, with the header Content-Type: application/json"
    return HttpError(415, "bad-content-type", f"{wrong} is not accepted", hint=hint, known=known)
