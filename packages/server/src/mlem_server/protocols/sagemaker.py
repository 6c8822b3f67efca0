"""SageMaker's way to call a model: ``POST /invocations`` with the arguments, or with the only argument's bare value.

SageMaker lets nothing else through, so the custom attributes ``mlem=interface`` ask for what `/interface.json` has, ``mlem=calls`` calls
several methods by one request, and each answer says by its own custom attributes which model gave it.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How Your Container Should Respond to
Inference Requests"; the custom attributes:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, "CustomAttributes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlem.call_arguments import arguments_of
from mlem.model import Method
from mlem.wire import JSON
from mlem_server.http.content_type import FILES
from mlem_server.http.request import Request
from mlem_server.inference.endpoint import Call, Endpoint
from mlem_server.protocols.files import answer_as_file, call_of_file

__all__ = ["answer_as_file", "answer_headers", "arguments_of", "call_of", "method_of", "question_of"]

ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"
DEFAULT_METHOD = "predict"


def method_of(headers: Mapping[bytes, bytes], methods: Mapping[str, Method]) -> str:
    """Return the name of the method that an invocation is for.

    Args:
        headers: The request's headers; ``method=NAME`` in the custom attributes names it. Other attributes, separated by
            commas or semicolons, are the caller's own.
        methods: The model's methods.

    Returns:
        The named method, otherwise ``predict``, otherwise the only one.
    """
    named = _attribute(headers, "method")
    if named is not None:
        return named
    if DEFAULT_METHOD not in methods and len(methods) == 1:
        return next(iter(methods))
    return DEFAULT_METHOD


def question_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return what an invocation asks for instead of a method's answer: ``interface``, ``calls``; None when it calls a method."""
    return _attribute(headers, "mlem")


def answer_headers(digest: str) -> dict[str, str]:
    """Return the headers of an answer: which model gave it."""
    return {ATTRIBUTES_HEADER.decode(): f"model={digest}"}


def _attribute(headers: Mapping[bytes, bytes], name: str) -> str | None:
    attributes = headers.get(ATTRIBUTES_HEADER, b"").decode("latin-1")
    for attribute in re.split(r"[,;]", attributes):
        key, _, value = attribute.partition("=")
        if key.strip() == name:
            return value.strip()
    return None


def call_of(endpoint: Endpoint, request: Request) -> Call:
    """Decode an invocation.

    Args:
        endpoint: The method that it is for.
        request: Its body is JSON, binary, or a file's content; CSV has a row of names or not.

    Raises:
        HttpError: See `Endpoint.call` and `call_of_file`.
    """
    if request.media_type in FILES:
        return call_of_file(endpoint, request)
    accept = request.headers.get(b"accept", b"")
    if request.media_type == JSON:
        sliced = endpoint.call_sliced(request.body, accept, bare=True)
        if sliced is not None:
            return sliced
        return endpoint.call_with(arguments_of(endpoint.parse(request.body), endpoint.method), accept)
    return endpoint.call(request.body, request.media_type, accept)
