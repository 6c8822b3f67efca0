"""AWS for tests, on 127.0.0.1: moto's control plane, and before it what moto does not do.

    python tools/simulators/sagemaker_server.py

runs one until Ctrl-C and prints what a client needs in its environment. What is true here and not in moto:

- Images: a repository's URI is a name in a real registry; tags are listed and deleted there.
- Endpoints: the model's image runs as a container on a Docker Engine, as SageMaker runs it: with the argument
  ``serve``, healthy by ``/ping`` on port 8080, called by ``/invocations``. A new one has to answer before an old one
  goes; one that fails is put back.
- What a container writes is in CloudWatch Logs; what has a tag is found by it.
- The nth call can be throttled, fail, be answered and lost, or time out; each call is counted.

Source: SageMaker developer guide, "Use Your Own Inference Code with Hosting Services"; API reference, CreateEndpoint,
UpdateEndpoint, DescribeEndpoint, InvokeEndpoint; Resource Groups Tagging API reference, GetResources (read 2026-11).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

sys.path.insert(0, str(Path(__file__).parent))

from s3_servers import program, running, status
from sagemaker_catalog import ROLE, Catalog
from sagemaker_endpoints import Endpoints
from sagemaker_images import Repositories
from sagemaker_requests import (
    ACCOUNT,
    REGION,
    Answered,
    ApiError,
    Call,
    Headers,
    HttpServer,
    Moto,
    authorization,
    call_of,
    handler_of,
    to_cbor,
)


class SageMaker:
    """The server.

    Args:
        moto_port: Where moto answers.
        registry: The registry that stands for ECR's, as in an image's name.

    Attributes:
        url: Where it answers.
        calls: Every request of a client so far.
        faults: What happens to the nth call from now (from 1): ``throttle``, ``500``, ``cut`` (carried out, answer
            lost), ``timeout``, or an `ApiError`.
        refused: What each call of an operation is answered with.
        allowed: The permissions that a client has; None for all.
        endpoints: The endpoints.
    """

    def __init__(self, moto_port: int, registry: str) -> None:
        self.registry = registry
        self.calls: list[Call] = []
        self.faults: dict[int, str | ApiError] = {}
        self.refused: dict[str, ApiError] = {}
        self.allowed: set[str] | None = None
        self._lock = threading.RLock()
        self._server = HttpServer(("127.0.0.1", 0), handler_of(self))
        self.id = f"{os.getpid()}-{self._server.server_address[1]}"
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._moto = Moto(moto_port)
        self._catalog = Catalog()
        self._repositories = Repositories(self._moto, registry)
        self.endpoints = Endpoints(self.id, self._moto, self._catalog)
        self._handlers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "sagemaker:CreateEndpoint": self.endpoints.create,
            "sagemaker:UpdateEndpoint": self.endpoints.update,
            "sagemaker:DescribeEndpoint": self.endpoints.describe,
            "sagemaker:DeleteEndpoint": self.endpoints.delete,
            "sagemaker:ListTags": self._catalog.list_tags,
            "sagemaker:AddTags": self._catalog.add_tags,
            "sagemaker:DeleteTags": self._catalog.delete_tags,
            "tag:GetResources": self._catalog.get_resources,
            "ecr:DescribeImages": self._repositories.describe_images,
            "ecr:ListImages": self._repositories.list_images,
            "ecr:BatchDeleteImage": self._repositories.batch_delete_image,
        }

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "testsecret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[SageMaker]:
        """Answer as long as the context lasts; its containers are removed in the end."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            self._make_role()
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(30)
            self.endpoints.close()

    def _make_role(self) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        form = urlencode(
            {
                "Action": "CreateRole",
                "Version": "2010-05-08",
                "RoleName": ROLE,
                "Path": "/service/",
                "AssumeRolePolicyDocument": json.dumps(trust),
            }
        )
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", authorization("iam"))]
        self._moto.forward("POST", "/", headers, form.encode())

    # What tests look at

    def tagged(self, lineage: str) -> list[str]:
        """Return the ARNs of everything with a lineage's tag, and the images in the registry with its mark."""
        with self._catalog.lock:
            found = sorted(arn for arn, tags in self._catalog.tags.items() if tags.get("mlem:lineage") == lineage)
        for repository in self._repositories.names():
            found += [
                f"{repository}:{tag}" for tag in self._repositories.tags(repository) if tag.endswith(lineage[:12])
            ]
        return found

    # Requests

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Answered:
        """Answer a request of a client.

        Raises:
            ConnectionAbortedError: The connection has to be cut.
        """
        call = call_of(path, {key.lower(): value for key, value in headers}, body)
        fault: str | ApiError | None = None
        if call.service != "s3":
            with self._lock:
                self.calls.append(call)
                self.faults = {number - 1: kind for number, kind in self.faults.items()}
                fault = self.faults.pop(0, None)
        try:
            if self.allowed is not None and call.permission not in self.allowed and call.service != "s3":
                who, resource = f"arn:aws:iam::{ACCOUNT}:user/ada", f"arn:aws:{call.service}:{REGION}:{ACCOUNT}:thing/x"
                raise ApiError(
                    "AccessDeniedException",
                    f"User: {who} is not authorized to perform: {call.permission} on resource: {resource} "
                    f"because no identity-based policy allows the {call.permission} action",
                )
            fault = self.refused.get(call.action, fault)
            if isinstance(fault, ApiError):
                raise fault
            if fault == "throttle":
                raise ApiError("ThrottlingException", "Rate exceeded")
            if fault == "500":
                raise ApiError("InternalFailure", "a fault", 500)
            if fault == "timeout":
                raise ConnectionAbortedError
            answer = self._serve(call, method, path, headers, body)
        except ApiError as error:
            if call.service in ("iam", "sts"):
                document = (
                    f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
                    "</ErrorResponse>"
                )
                return error.status, [("Content-Type", "text/xml")], document.encode()
            content = json.dumps(
                {"__type": error.code, "message": error.message, "Message": error.message, **error.fields}
            ).encode()
            return (
                error.status,
                [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code)],
                content,
            )
        if fault == "cut":
            raise ConnectionAbortedError
        return answer

    def _serve(self, call: Call, method: str, path: str, headers: Headers, body: bytes) -> Answered:
        if call.action == "InvokeEndpoint":
            return self.endpoints.invoke(unquote(path.split("/")[2]), headers, body)
        if call.action == "GetResources" and path.startswith("/service/"):
            content = to_cbor(self._catalog.get_resources(call.body))
            return 200, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], content
        handler = self._handlers.get(call.permission)
        if handler is not None:
            return 200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(handler(call.body)).encode()
        if call.permission == "ecr:DeleteRepository":
            self._repositories.delete_repository(call.body)
        if call.service == "sagemaker" and call.action.startswith("Create"):
            self._catalog.expect_new(call)
        status_, sent, content = self._moto.forward(method, path, headers, body)
        return status_, sent, self._corrected(call, content) if status_ == 200 else content

    def _corrected(self, call: Call, content: bytes) -> bytes:
        document = json.loads(content) if content[:1] == b"{" else {}
        if call.service == "sagemaker":
            self._catalog.keep(call)
            if document.get("VpcConfig") == {}:
                del document["VpcConfig"]  # which SageMaker leaves out, and its SDK does not accept
                return json.dumps(document).encode()
        if call.service == "ecr" and call.action in ("CreateRepository", "DescribeRepositories"):
            for repository in document.get("repositories", [document.get("repository")]):
                repository["repositoryUri"] = f"{self.registry}/{repository['repositoryName']}"
            return json.dumps(document).encode()
        return content


@contextlib.contextmanager
def sagemaker(registry: str) -> Iterator[SageMaker]:
    """Run the server with a moto of its own until the context ends.

    Raises:
        FileNotFoundError: moto is not installed.
    """
    moto = program("moto_server")
    if moto is None:
        raise FileNotFoundError("moto_server is not installed: pip install 'moto[server]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [moto, "-H", "127.0.0.1", "-p", str(port)]
    with (
        running("moto", command, port, lambda: status(port, "/moto-api/") == 200),
        SageMaker(port, registry).running() as server,
    ):
        yield server


if __name__ == "__main__":
    with sagemaker(os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")) as found:
        for key_, value_ in found.environment.items():
            print(f"export {key_}={value_}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
