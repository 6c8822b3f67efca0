"""SageMaker's way to call a model: ``POST /invocations`` with the arguments, or with the only argument's bare value.

SageMaker lets nothing else through, so the custom attributes ``mlem=interface`` ask for what `/interface.json` has, ``mlem=calls`` calls
several methods by one request, and each answer says by its own custom attributes which model gave it.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How Your Container Should Respond to
Inference Requests"; the custom attributes:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, "CustomAttributes".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mlem.csv_table import parse_csv
from mlem.datasets import parse_data, serialize_data
from mlem.errors import MlemError, UserError
from mlem.model import Method
from mlem.wire import JSON
from mlem_server.codec import parse_json
from mlem_server.content import CSV, FILES
from mlem_server.endpoint import Call, Endpoint, type_of_answer
from mlem_server.errors import HttpError, refusal
from mlem_server.request import Request
from mlem_server.responses import Response

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
        HttpError: See `Endpoint.call`; 415 when the server lacks a package that reads the format.
    """
    media_type, accept = request.media_type, request.headers.get(b"accept", b"")
    if media_type == JSON:
        return endpoint.call_with(arguments_of(parse_json(request.body), endpoint.method), accept)
    if media_type not in FILES:
        return endpoint.call(request.body, media_type, accept)
    argument = endpoint.argument
    if argument is None:
        raise HttpError(415, "bad-content-type", f"{endpoint.name} has several arguments: {media_type} is for one", known=[JSON])
    try:
        if media_type == CSV:
            table = parse_csv(request.body.decode("utf-8-sig"), argument.data_type, header_needed=False)
            return endpoint.call_with({argument.name: table}, accept)
        value = parse_data(bytes(request.body), FILES[media_type], argument.name, argument.data_type)
    except ValueError as error:
        raise HttpError(400, "bad-csv", f"the body is not CSV: {error}") from error
    except MlemError as error:
        if error.code == "not-installed":
            raise HttpError(415, "bad-content-type", error.message, hint="send JSON") from error
        raise refusal(error) from error
    return endpoint.call_of({argument.name: value}, accept)


def answer_of(endpoint: Endpoint, request: Request, response: Response) -> Response:
    """Return an answer as the first format of files that the caller accepts and that can hold it; as it is for JSON."""
    if response.status != 200:
        return response
    for accepted in request.headers.get(b"accept", b"").decode("latin-1").lower().split(","):
        media_type = accepted.partition(";")[0].strip()
        if media_type not in FILES:
            return response
        returns = type_of_answer(endpoint, response)
        try:
            content = serialize_data(returns.decode(json.loads(response.body)), returns, FILES[media_type])
        except (UserError, ImportError):
            continue  # it can't hold it, or a package is lacking
        return Response(200, content, media_type.encode())
    return response


def arguments_of(payload: Any, method: Method) -> Any:
    """Return the payload as ``{argument: value}``.

    Args:
        payload: The body. An object whose keys are argument names is taken for the arguments, anything else for the value of the
            only argument that is required.
        method: The method's signature.
    """
    names = {argument.name for argument in method.args}
    required = [argument.name for argument in method.args if argument.required]
    if isinstance(payload, dict) and payload and payload.keys() <= names | {"data"}:
        return payload
    if len(required) == 1:
        return {required[0]: payload}
    return payload
