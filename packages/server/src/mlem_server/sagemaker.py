"""SageMaker's way to call a model: ``POST /invocations`` with the arguments, or with the only argument's bare value.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How Your Container Should Respond to
Inference Requests"; the custom attributes:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, "CustomAttributes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlem.csv_table import parse_csv
from mlem.model import Method
from mlem.wire import JSON
from mlem_server.codec import parse_json
from mlem_server.content import CSV, content_type
from mlem_server.endpoint import Call, Endpoint
from mlem_server.errors import HttpError
from mlem_server.request import Request

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
    attributes = headers.get(ATTRIBUTES_HEADER, b"").decode("latin-1")
    for attribute in re.split(r"[,;]", attributes):
        key, _, value = attribute.partition("=")
        if key.strip() == "method":
            return value.strip()
    if DEFAULT_METHOD not in methods and len(methods) == 1:
        return next(iter(methods))
    return DEFAULT_METHOD


def call_of(endpoint: Endpoint, request: Request) -> Call:
    """Decode an invocation.

    Args:
        endpoint: The method that it is for.
        request: Its body is JSON, binary, or CSV with or without a row of names.

    Raises:
        HttpError: See `Endpoint.call`.
    """
    media_type, accept = content_type(request.headers, csv=True), request.headers.get(b"accept", b"")
    if media_type == JSON:
        return endpoint.call_with(arguments_of(parse_json(request.body), endpoint.method), accept)
    if media_type != CSV:
        return endpoint.call(request.body, media_type, accept)
    if endpoint.argument is None:
        raise HttpError(415, "bad-content-type", f"{endpoint.name} has several arguments: CSV is for one", known=[JSON])
    try:
        table = parse_csv(request.body.decode("utf-8-sig"), endpoint.argument.data_type, header_needed=False)
    except ValueError as error:
        raise HttpError(400, "bad-csv", f"the body is not CSV: {error}") from error
    return endpoint.call_with({endpoint.argument.name: table}, accept)


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
