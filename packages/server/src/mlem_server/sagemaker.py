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
