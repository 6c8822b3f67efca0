"""SageMaker's way to call a model: ``POST /invocations`` with the arguments, or with the only argument's bare value.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How Your Container Should Respond to
Inference Requests"; the custom attributes:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, "CustomAttributes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlem.model import Method

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
