"""Bodies that are not JSON: arrays and tables as files have them, for ``/invocations``.

Source of the media types: SageMaker developer guide, "Common Data Formats for Inference" (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem.datasets import parse_data, serialize_data
from mlem.errors import MlemError, UserError
from mlem.model import Method
from mlem_server.calls import Call
from mlem_server.errors import HttpError, refusal

_KINDS = {
    "application/jsonlines": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "application/x-npy": "npy",
    "application/x-parquet": "parquet",
    "text/csv": "csv",
}


def kind_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the format that a body is announced in; None for JSON and for what is not known."""
    return _KINDS.get(_media_type(headers.get(b"content-type", b"").decode("latin-1")))


def decode(name: str, method: Method, body: bytes, kind: str) -> Call:
    """Return the call of a method whose only required argument is the body.

    Args:
        name: The method's public name.
        method: Its signature.
        body: A file's content.
        kind: Its format.

    Raises:
        HttpError: 422 when it does not fit, 415 when the server lacks a package that reads it.
    """
    required = [argument for argument in method.args if argument.required]
    if len(required) != 1:
        raise HttpError(422, "bad-data", f"{name} takes {len(required)} arguments: send them as JSON", hint="see /interface.json")
    argument = required[0]
    try:
        return Call(name, method, {argument.name: parse_data(body, kind, argument.name, argument.data_type)})
    except UserError as error:
        if error.code == "not-installed":
            raise HttpError(415, "bad-content-type", error.message, hint="send JSON") from error
        raise refusal(error) from error
    except MlemError as error:
        raise refusal(error) from error


def encode(answer: Any, method: Method, headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """Return an answer in the first format that the caller accepts and that can hold it.

    Args:
        answer: The encoded answer.
        method: The signature.
        headers: The request's.

    Returns:
        The content and its media type; None for JSON.
    """
    for accepted in headers.get(b"accept", b"").decode("latin-1").split(","):
        media_type = _media_type(accepted)
        if media_type not in _KINDS:
            return None  # JSON, or whatever: it gets JSON
        try:
            return serialize_data(method.returns.decode(answer), method.returns, _KINDS[media_type]), media_type.encode()
        except (UserError, ImportError):
            continue
    return None


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()
