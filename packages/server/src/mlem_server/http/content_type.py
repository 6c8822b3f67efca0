"""What a body is: its media type, checked before the body is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlem_model.data.formats.binary import ARROW, JSON, NPY
from mlem_model.errors import UserError
from mlem_server.http.errors import HttpError

if TYPE_CHECKING:
    from mlem_model.data.csv.text import CsvForm

CSV = "text/csv"
FILES = {
    CSV: "csv",
    "application/jsonlines": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}
"""Formats of files that SageMaker's callers send, by media type. Source: SageMaker developer guide, "Common data
formats for inference", https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html (read 2026-11)."""
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)")
_PARAMETER = re.compile(r';\s*([\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^";\s]*))\s*')


@dataclass(frozen=True, slots=True)
class Content:
    """What a body is.

    Attributes:
        media_type: Its type and subtype.
        parameters: What else the header says, by names in lower case.
        rest: What follows and does not have the form of a parameter.
    """

    media_type: str
    parameters: Mapping[str, str]
    rest: str = ""


def read_content_type(headers: Mapping[bytes, bytes]) -> Content:
    """Read the header; without it the body is taken for JSON.

    Source: https://www.rfc-editor.org/rfc/rfc9110.html, section 5.6.6 "Parameters" (read 2026-11).
    """
    media_type, semicolon, rest = (headers.get(b"content-type") or JSON.encode()).decode("latin-1").partition(";")
    rest = (semicolon + rest).rstrip("; \t")
    parameters: dict[str, str] = {}
    while found := _PARAMETER.match(rest):
        parameters[found[1].lower()] = re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3]
        rest = rest[found.end() :]
    return Content(media_type.strip().lower(), parameters, rest)


def content_type(headers: Mapping[bytes, bytes], more: Collection[str] = ()) -> str:
    """Return the media type of a body: ``JSON``, ``NPY``, ``ARROW``, or one of ``more``; without a header it is JSON.

    Args:
        headers: The request's.
        more: Further media types that are accepted.

    Raises:
        HttpError: 415 for another one, or a charset other than UTF-8 where the body is not CSV.
    """
    value = headers.get(b"content-type")
    if value == b"application/json":
        return JSON
    content = read_content_type(headers)
    if _JSON_TYPE.fullmatch(content.media_type):
        found = JSON
    elif content.media_type in (NPY, ARROW) or content.media_type in more:
        found = content.media_type
    else:
        raise _refusal(f"content type {content.media_type[:80]!r}", more)
    charset = content.parameters.get("charset", "utf-8")
    if found != CSV and charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _refusal(f"charset {charset[:80]!r}", more)
    return found


def csv_form(headers: Mapping[bytes, bytes]) -> CsvForm:
    """Return what the header says about a CSV table: ``text/csv; header=absent; charset=latin-1``.

    Raises:
        HttpError: 415 for an unknown parameter, or a value that it can't have.
    """
    from mlem_model.data.csv.text import CsvForm  # late: most servers read no tables

    content = read_content_type(headers)
    # SageMaker's callers write label_size=0 to say that no column is a label
    said = {name: value for name, value in content.parameters.items() if (name, value) != ("label_size", "0")}
    try:
        form = CsvForm.of(said)
    except UserError as error:
        raise HttpError(
            415, "bad-content-type", f"content type: {error.message}", hint=error.hint, known=error.known
        ) from error
    if content.rest:
        raise HttpError(415, "bad-content-type", f"content type: expected ; name=value, got {content.rest[:80]!r}")
    return form


def _refusal(wrong: str, more: Collection[str]) -> HttpError:
    known = [JSON, NPY, ARROW, *more]
    hint = "send JSON, with the header Content-Type: application/json"
    return HttpError(415, "bad-content-type", f"{wrong} is not accepted", hint=hint, known=known)
