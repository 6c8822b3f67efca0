"""Requests to AWS as a test's server sees them: what they ask for, how they are answered, and moto, which answers most.

Source: AWS JSON protocols and Smithy RPC v2 CBOR, https://smithy.io/2.0/additional-specs/protocols/ (read 2026-11).
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs

ACCOUNT, REGION = "123456789012", "eu-west-1"
_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
KINDS = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
_SERVICES = {
    "SageMaker": "sagemaker",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "Logs_20140328": "logs",
    "AnyScaleFrontendService": "application-autoscaling",
    "ResourceGroupsTaggingAPI_20170126": "tag",
}

Headers = list[tuple[str, str]]
Answered = tuple[int, Headers, bytes]
"""Status, headers, body."""


@dataclass
class Call:
    """One request of a client.

    Attributes:
        service: IAM's word for the service.
        action: The operation.
        body: The request's parameters, where they are JSON.
    """

    service: str
    action: str
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def permission(self) -> str:
        """What IAM calls it."""
        return f"{self.service}:{self.action}"


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, fields


class Answering(Protocol):
    """What answers requests."""

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Answered:
        """Answer one.

        Raises:
            ConnectionAbortedError: The connection has to be cut.
        """


class Moto:
    """Moto's control plane.

    Args:
        port: Where it answers, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def forward(self, method: str, path: str, headers: Headers, body: bytes) -> Answered:
        """Let moto answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True, skip_host=True)
            connection.putheader("Content-Length", str(len(body)))
            for key, value in headers:
                if key.lower() not in _HOP_BY_HOP:
                    connection.putheader(key, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def ask(self, service: str, target: str, **parameters: Any) -> dict[str, Any]:
        """Ask it, as a client would.

        Args:
            service: IAM's word for the service.
            target: Service and operation, as in the header ``X-Amz-Target``.
            **parameters: What the operation takes.

        Raises:
            ApiError: It refuses.
        """
        headers = [
            ("X-Amz-Target", target),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", authorization(service)),
        ]
        status_, _, content = self.forward(
            "POST", "/", [*headers, ("Host", f"{service}.{REGION}.amazonaws.com")], json.dumps(parameters).encode()
        )
        document: dict[str, Any] = json.loads(content or b"{}")
        if status_ != 200:
            raise ApiError(document.get("__type", "InternalFailure"), document.get("message", str(document)), status_)
        return document


def arn_of(kind: str, name: str) -> str:
    """Return a resource's ARN."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{KINDS.get(kind, kind.lower())}/{name.lower()}"


def authorization(service: str) -> str:
    """Return a header that names a service."""
    return f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"


def call_of(path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return what a request asks for."""
    target = headers.get("x-amz-target", "")
    if target:
        service, _, action = target.rpartition(".")
        return Call(_SERVICES.get(service, service), action, json.loads(body or b"{}"))
    if path.startswith("/endpoints/"):
        return Call("sagemaker", "InvokeEndpoint")
    if path.startswith("/service/"):
        _, _, service, _, action = path.split("/")
        return Call(_SERVICES.get(service, service), action, from_cbor(body))
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode())
        action = form["Action"][0]
        return Call("sts" if action == "GetCallerIdentity" else "iam", action)
    return Call("s3", "?")


def to_cbor(document: Any) -> bytes:
    """Write a document as CBOR."""
    import cbor2

    return bytes(cbor2.dumps(document))


def from_cbor(content: bytes) -> dict[str, Any]:
    """Read a document of CBOR."""
    import cbor2

    found: dict[str, Any] = cbor2.loads(content) if content else {}
    return found


class HttpServer(ThreadingHTTPServer):
    """A server with a thread for each client."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed while they ask."""


def handler_of(server: Answering) -> type[BaseHTTPRequestHandler]:
    """Return a handler of requests that has something else answer them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status_, headers, content = server.answer(self.command, self.path, list(self.headers.items()), body)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response_only(status_)
            for key, value in headers:
                if key.lower() not in _HOP_BY_HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # the base's name
            pass

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.do_any)
    return Handler
