"""KServe's open inference protocol, version 2, over HTTP: the model's methods for clients and load tools that speak it.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md (read 2026-11).

A frame is one tensor for each column; every other argument is one tensor of its own name. The method is ``predict``;
another one is named by the parameter ``method``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlem_model.data.formats.binary import NPY
from mlem_model.data.types.any import DataFrameType, NumberType, PrimitiveType
from mlem_model.data.types.base import name_of
from mlem_model.models.method_choice import default_method
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response, json_response, to_json
from mlem_server.http.routes import Route, always
from mlem_server.inference.endpoint import Call, Endpoint, type_of_answer
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.kserve_arrays import Tensor, answers_in, listed, outputs_of, values_of
from mlem_server.protocols.kserve_binary import HEADER, OCTETS, Binary, join, split, wanted
from mlem_server.protocols.kserve_tensors import (
    check_shape,
    check_size,
    column_of,
    describe,
    nested,
    tensors_of,
    wrong,
)

PLATFORM = "mlem"


@dataclass(frozen=True)
class Inference:
    """One inference request.

    Attributes:
        call: The call of the model.
        id: The caller's name for it.
        binary: Which outputs are to be binary; see `mlem_server.protocols.kserve_binary.wanted`.
    """

    call: Call
    id: str | None
    binary: Binary


class KServe:
    """The protocol for one model.

    Args:
        service: Has the model answer calls.
        health: Whether the model may be asked.
        name: The model's name.
        digest: The model's digest.
    """

    def __init__(self, service: CallService, health: Health, name: str, digest: str) -> None:
        self._service = service
        self._endpoints = service.endpoints
        self._health = health
        self._name = name
        self._digest = digest
        self._default = default_method(self._endpoints)

    def routes(self) -> tuple[Route, ...]:
        """Return the protocol's table."""
        model = f"/v2/models/{self._name}"
        return (
            Route("GET", model, always(json_response(self._metadata()))),
            Route("GET", f"{model}/ready", self._health.ready, public=True),
            Route("POST", f"{model}/infer", self.infer, name="infer", calls=True, media_types=(OCTETS,)),
        )

    def _metadata(self) -> dict[str, Any]:
        method = self._endpoints[self._default].method
        return {
            "name": self._name,
            "versions": [self._digest],
            "platform": PLATFORM,
            "inputs": [tensor for argument in method.args for tensor in describe(argument.name, argument.data_type)],
            "outputs": describe(self._default, method.returns),
        }

    def infer(self, request: Request, reply: Reply) -> None:
        """Call a method with tensors, and answer with tensors."""

        def answer(response: Response) -> None:
            reply(self.refusal(response))

        def decode() -> Inference:
            return self.inference(request.body, request.headers.get(HEADER.encode()))

        def ask(inference: Inference) -> None:
            self._service.submit(inference.call, request, reply, partial(self.answer, inference))

        try:
            self._service.decode(decode, request, answer, ask)
        except HttpError as error:
            answer(self._service.errors.refused(error))

    def inference(self, body: bytes | bytearray, header: bytes | None = None) -> Inference:
        """Read an inference request.

        Args:
            body: The whole body.
            header: How many bytes of it are JSON; binary tensors follow.

        Raises:
            HttpError: 400 not JSON, or sizes that do not fit the body; 404 an unknown method; 422 tensors that the
                method does not have, or of wrong sizes.
        """
        limits = next(iter(self._endpoints.values())).limits
        document = split(body, header, limits)
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise wrong("body", "an object with a list of inputs", "something else")
        parameters = document.get("parameters") or {}
        name = parameters.get("method", self._default) if isinstance(parameters, dict) else self._default
        if not isinstance(name, str):
            raise wrong("parameters.method", "the name of a method", name_of(name))
        if name not in self._endpoints:
            raise HttpError(
                404, "unknown-method", f"the model has no method {name[:100]!r}", known=sorted(self._endpoints)
            )
        endpoint = self._endpoints[name]
        binary = wanted(document)
        call = self._call(endpoint, document["inputs"], answers_in(endpoint, binary))
        id_ = document.get("id")
        return Inference(call, id_ if isinstance(id_, str) else None, binary)

    def answer(self, inference: Inference, response: Response) -> Response:
        """Write the model's answer as tensors; an error in the form of the protocol, beside our own form."""
        if response.status != 200:
            return self.refusal(response)
        endpoint = inference.call.endpoint
        named = {"id": inference.id} if inference.id is not None else {}
        data_type, content = type_of_answer(endpoint, response), None
        if response.content_type == NPY.encode():
            outputs, content = outputs_of(endpoint.name, data_type, response.body)
        else:
            outputs = tensors_of(endpoint.name, data_type, json.loads(response.body))
            outputs, content = join(outputs, inference.binary)
        head = to_json({"model_name": self._name, "model_version": self._digest, **named, "outputs": outputs})
        if content is None:
            return Response(200, head)
        return Response(200, head + content, OCTETS.encode(), {HEADER: str(len(head))})

    def refusal(self, response: Response) -> Response:
        """Write an error in the form of the protocol: just the message."""
        error = json.loads(response.body)["error"]
        return Response(response.status, to_json({"error": error["message"]}), headers=response.headers)

    def _call(self, endpoint: Endpoint, inputs: Sequence[Any], accept: bytes) -> Call:
        tensors: dict[str, Any] = {}
        for index, item in enumerate(inputs):
            path = f"inputs[{index}]"
            if (
                not isinstance(item, dict)
                or not isinstance(item.get("name"), str)
                or not (isinstance(item.get("data"), list) or hasattr(item.get("data"), "dtype"))
            ):
                raise wrong(path, "a tensor with name, shape, datatype and data", "something else")
            if isinstance(item["data"], list):
                tensors[item["name"]] = nested(item, path)
            else:
                check_shape(item, path)
                check_size(item["shape"], len(item["data"]), path)
                tensors[item["name"]] = Tensor(item["shape"], item["data"])
        values = values_of(endpoint, tensors)
        if values is not None:
            return endpoint.call_of(values, accept)
        lists = {name: listed(value, endpoint.limits) for name, value in tensors.items()}
        return endpoint.call_with(self._arguments(endpoint, lists), accept)

    def _arguments(self, endpoint: Endpoint, tensors: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for argument in endpoint.method.args:
            if isinstance(table := argument.data_type.wire, DataFrameType) and argument.name not in tensors:
                columns = [str(column) for column in table.columns if str(column) in tensors]
                if columns:
                    arguments[argument.name] = {column: column_of(tensors.pop(column)) for column in columns}
            elif argument.name in tensors:
                value = tensors.pop(argument.name)
                single = isinstance(argument.data_type.wire, PrimitiveType | NumberType)
                arguments[argument.name] = value[0] if single and isinstance(value, list) and len(value) == 1 else value
        if len(tensors) == 1 and not arguments and endpoint.argument is not None:
            # load tools send one tensor under a name of their own
            arguments[endpoint.argument.name] = tensors.popitem()[1]
        if tensors:
            known = [
                tensor["name"]
                for argument in endpoint.method.args
                for tensor in describe(argument.name, argument.data_type)
            ]
            raise wrong("inputs", f"the tensors {', '.join(known)}", next(iter(tensors)))
        return arguments
