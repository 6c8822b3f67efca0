"""AWS for tests, on 127.0.0.1: moto's control plane, and before it what moto does not do.

    python tools/servers/sagemaker_server.py

runs one until Ctrl-C and prints what a client needs in its environment. What is true here and not in moto:

- Images: a repository's URI is a name in a real registry; tags are listed and deleted there.
- Endpoints: the model's image runs as a container on a Docker Engine, as SageMaker runs it: with the argument ``serve``, healthy by
  ``/ping`` on port 8080, called by ``/invocations``. A new one has to answer before an old one goes; one that fails is put back.
- What a container writes is in CloudWatch Logs; what has a tag is found by it.
- The nth call can be throttled, fail, be answered and lost, or time out; each call is counted.

Source: SageMaker developer guide, "Use Your Own Inference Code with Hosting Services"; API reference, CreateEndpoint,
UpdateEndpoint, DescribeEndpoint, InvokeEndpoint; Resource Groups Tagging API reference, GetResources (read 2026-11).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

sys.path.insert(0, str(Path(__file__).parent))

from s3_servers import program, running, status

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLE = "mlem-endpoints"
LABEL = "mlem.test.sagemaker"
_PORT = 8080
_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_KINDS = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
_SERVICES = {
    "SageMaker": "sagemaker",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "Logs_20140328": "logs",
    "AnyScaleFrontendService": "application-autoscaling",
    "ResourceGroupsTaggingAPI_20170126": "tag",
}


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


@dataclass
class Endpoint:
    """An endpoint and its containers.

    Attributes:
        name: Its name.
        arn: Its ARN.
        config: The configuration that serves.
        status: As DescribeEndpoint says.
        reason: Why it failed.
        container: The id of the container that serves.
        port: Its port on 127.0.0.1.
        created: Unix time.
    """

    name: str
    arn: str
    config: str
    status: str
    reason: str = ""
    container: str = ""
    port: int = 0
    created: float = field(default_factory=time.time)


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, fields


class SageMaker:
    """The server.

    Args:
        moto_port: Where moto answers.
        registry: The registry that stands for ECR's, as in an image's name.

    Attributes:
        url: Where it answers.
        calls: Every request of a client so far.
        faults: What happens to the nth call from now (from 1): ``throttle``, ``500``, ``cut`` (carried out, answer lost),
            ``timeout``, or an `ApiError`.
        refused: What each call of an operation is answered with.
        allowed: The permissions that a client has; None for all.
        delay_s: How long an endpoint takes at least.
        ping_timeout_s: How long a container has until it is healthy.
    """

    def __init__(self, moto_port: int, registry: str) -> None:
        self.registry = registry
        self.calls: list[Call] = []
        self.faults: dict[int, str | ApiError] = {}
        self.refused: dict[str, ApiError] = {}
        self.allowed: set[str] | None = None
        self.delay_s = 0.0
        self.ping_timeout_s = 30.0
        self._moto_port = moto_port
        self._endpoints: dict[str, Endpoint] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._images: dict[str, str] = {}
        self._environments: dict[str, dict[str, str]] = {}
        self._models: dict[str, str] = {}
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.id = f"{os.getpid()}-{self._server.server_address[1]}"
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

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
            self._closed.set()
            self._server.shutdown()
            self._server.server_close()
            for worker in [thread, *self._threads]:
                worker.join(30)
            for container in _docker("ps", "-aq", "--filter", f"label={LABEL}={self.id}").split():
                _docker("rm", "-f", container)

    def _make_role(self) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }
        from urllib.parse import urlencode

        form = urlencode(
            {
                "Action": "CreateRole",
                "Version": "2010-05-08",
                "RoleName": ROLE,
                "Path": "/service/",
                "AssumeRolePolicyDocument": json.dumps(trust),
            }
        )
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", _authorization("iam"))]
        self.forward("POST", "/", headers, form.encode())

    # What tests look at

    def containers(self, lineage: str) -> list[str]:
        """Return the running containers of the endpoints with a lineage's tag."""
        with self._lock:
            names = [
                endpoint.name for endpoint in self._endpoints.values() if self._tags.get(endpoint.arn, {}).get("mlem:lineage") == lineage
            ]
        return [id_ for name in names for id_ in self._running(name)]

    def tagged(self, lineage: str) -> list[str]:
        """Return the ARNs of everything with a lineage's tag, and the images in the registry with its mark."""
        with self._lock:
            found = sorted(arn for arn, tags in self._tags.items() if tags.get("mlem:lineage") == lineage)
        for repository in self._repositories():
            found += [f"{repository}:{tag}" for tag in self._registry_tags(repository) if tag.endswith(lineage[:12])]
        return found

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait until no endpoint changes."""
        deadline = time.monotonic() + timeout_s
        while any(endpoint.status in ("Creating", "Updating", "Deleting") for endpoint in list(self._endpoints.values())):
            if time.monotonic() > deadline:
                raise TimeoutError(str(self._endpoints))
            time.sleep(0.02)

    def _running(self, endpoint: str) -> list[str]:
        return _docker(
            "ps", "-q", "--no-trunc", "--filter", f"label={LABEL}={self.id}", "--filter", f"label={LABEL}.endpoint={endpoint}"
        ).split()

    # Requests

    def answer(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answer a request of a client.

        Raises:
            ConnectionAbortedError: The connection has to be cut.
        """
        call = _call_of(path, {key.lower(): value for key, value in headers}, body)
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
                    f"User: {who} is not authorized to perform: {call.permission} on resource: {resource} because no identity-based policy "
                    f"allows the {call.permission} action",
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
                document = f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{error.message}</Message></Error></ErrorResponse>"
                return error.status, [("Content-Type", "text/xml")], document.encode()
            content = json.dumps({"__type": error.code, "message": error.message, "Message": error.message, **error.fields}).encode()
            return error.status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code)], content
        if fault == "cut":
            raise ConnectionAbortedError
        return answer

    def _serve(
        self, call: Call, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        handler: Callable[..., Any] | None = getattr(self, f"_{call.service.replace('-', '_')}_{call.action}", None)
        if call.action == "InvokeEndpoint":
            return self._invoke(unquote(path.split("/")[2]), headers, body)
        if call.action == "GetResources" and path.startswith("/service/"):
            return 200, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], _cbor(self._tag_GetResources(call.body))
        if handler is not None:
            document = handler(call.body)
            if document is not None:
                return 200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(document).encode()
        if call.service == "sagemaker" and call.action.startswith("Create"):
            self._expect_new(call)
        status_, sent, content = self.forward(method, path, headers, body)
        if status_ == 200:
            content = self._corrected(call, content)
        return status_, sent, content

    def forward(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let moto answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._moto_port, timeout=60)
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

    def _ask(self, service: str, target: str, **parameters: Any) -> dict[str, Any]:
        headers = [("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.1"), ("Authorization", _authorization(service))]
        status_, _, content = self.forward(
            "POST", "/", [*headers, ("Host", f"{service}.{REGION}.amazonaws.com")], json.dumps(parameters).encode()
        )
        document: dict[str, Any] = json.loads(content or b"{}")
        if status_ != 200:
            raise ApiError(document.get("__type", "InternalFailure"), document.get("message", str(document)), status_)
        return document

    # Models and configurations: moto has them, tags and names are kept here

    def _expect_new(self, call: Call) -> None:
        kind = call.action.removeprefix("Create")
        noun = {"Model": "model", "EndpointConfig": "endpoint configuration"}.get(kind)
        name = call.body.get(f"{kind}Name", "")
        arn = _arn(kind, name)
        if noun and arn in self._tags:
            raise ApiError("ValidationException", f'Cannot create already existing {noun} "{arn}".')
        if kind == "Model" and not call.body["ExecutionRoleArn"].endswith(f"/{ROLE}"):
            role = call.body["ExecutionRoleArn"]
            raise ApiError(
                "ValidationException",
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role.",
            )
        if kind == "EndpointConfig":
            for variant in call.body["ProductionVariants"]:
                if _arn("Model", variant["ModelName"]) not in self._tags:
                    raise ApiError("ValidationException", f'Could not find model "{_arn("Model", variant["ModelName"])}".')

    def _corrected(self, call: Call, content: bytes) -> bytes:
        document = json.loads(content) if content[:1] == b"{" else {}
        if call.service == "sagemaker":
            for kind in _KINDS:
                name = call.body.get(f"{kind}Name", "")
                with self._lock:
                    if call.action == f"Create{kind}":
                        self._tags[_arn(kind, name)] = {tag["Key"]: tag["Value"] for tag in call.body.get("Tags", [])}
                        if kind == "Model":
                            self._images[name] = call.body["PrimaryContainer"]["Image"]
                            self._environments[name] = call.body["PrimaryContainer"].get("Environment", {})
                        if kind == "EndpointConfig":
                            self._models[name] = call.body["ProductionVariants"][0]["ModelName"]
                    if call.action == f"Delete{kind}":
                        self._tags.pop(_arn(kind, name), None)
            if document.get("VpcConfig") == {}:
                del document["VpcConfig"]  # which SageMaker leaves out, and its SDK does not accept
                return json.dumps(document).encode()
        if call.service == "ecr" and call.action in ("CreateRepository", "DescribeRepositories"):
            for repository in document.get("repositories", [document.get("repository")]):
                repository["repositoryUri"] = f"{self.registry}/{repository['repositoryName']}"
            return json.dumps(document).encode()
        return content

    def _sagemaker_ListTags(self, body: Mapping[str, Any]) -> dict[str, Any]:  # named by the operation
        if body["ResourceArn"] not in self._tags:
            raise ApiError("ValidationException", f"Could not find {body['ResourceArn']}")
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags[body["ResourceArn"]].items()]}

    def _sagemaker_AddTags(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._tags[body["ResourceArn"]] |= {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return self._sagemaker_ListTags(body)

    def _sagemaker_DeleteTags(self, body: Mapping[str, Any]) -> dict[str, Any]:
        for key in body["TagKeys"]:
            self._tags[body["ResourceArn"]].pop(key, None)
        return {}

    def _tag_GetResources(self, body: Mapping[str, Any]) -> dict[str, Any]:
        kinds = tuple(kind.partition(":")[2] for kind in body.get("ResourceTypeFilters", []))
        with self._lock:
            found = [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for arn, tags in self._tags.items()
                if arn.rpartition(":")[2].partition("/")[0] in kinds
                and all(tags.get(wanted["Key"]) in wanted["Values"] for wanted in body["TagFilters"])
            ]
        return {"PaginationToken": "", "ResourceTagMappingList": found}

    # ECR: tags are those of the registry

    def _ecr_ListImages(self, body: Mapping[str, Any]) -> dict[str, Any]:
        name = body["repositoryName"]
        self._ask("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", repositoryNames=[name])
        return {"imageIds": [{"imageTag": tag} for tag in self._registry_tags(name)]}

    def _ecr_BatchDeleteImage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        deleted, failures = [], []
        for item in body["imageIds"]:
            digest = self._digest(body["repositoryName"], item["imageTag"])
            if digest is None:
                failures.append({"imageId": item, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"})
                continue
            others = [tag for tag in self._registry_tags(body["repositoryName"]) if self._digest(body["repositoryName"], tag) == digest]
            if others == [item["imageTag"]]:
                self._registry("DELETE", f"/v2/{body['repositoryName']}/manifests/{digest}")
            deleted.append(item)
        return {"imageIds": deleted, "failures": failures}

    def _ecr_DeleteRepository(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        if not body.get("force") and self._registry_tags(body["repositoryName"]):
            raise ApiError(
                "RepositoryNotEmptyException",
                f"The repository with name '{body['repositoryName']}' cannot be deleted because it still contains images",
            )
        return None

    def _repositories(self) -> set[str]:
        found = self._ask("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")
        return {repository["repositoryName"] for repository in found["repositories"]}

    def _registry_tags(self, repository: str) -> list[str]:
        _, _, content = self._registry("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(content or b"{}").get("tags") or [])

    def _digest(self, repository: str, tag: str) -> str | None:
        status_, headers, _ = self._registry("HEAD", f"/v2/{repository}/manifests/{tag}")
        return headers.get("Docker-Content-Digest") if status_ == 200 else None

    def _registry(self, method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self.registry, timeout=30)
        try:
            connection.request(method, path, headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    # Endpoints

    def _sagemaker_CreateEndpoint(self, body: Mapping[str, Any]) -> dict[str, Any]:
        name, config = body["EndpointName"], body["EndpointConfigName"]
        arn = _arn("Endpoint", name)
        with self._lock:
            self._expect_config(config)
            if name in self._endpoints:
                raise ApiError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint = self._endpoints[name] = Endpoint(name, arn, config, "Creating")
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in body.get("Tags", [])}
            self._start(endpoint, config)
        return {"EndpointArn": arn}

    def _sagemaker_UpdateEndpoint(self, body: Mapping[str, Any]) -> dict[str, Any]:
        config = body["EndpointConfigName"]
        with self._lock:
            endpoint = self._find(body["EndpointName"])
            self._expect_config(config)
            if endpoint.status != "InService":
                raise ApiError(
                    "ValidationException",
                    f'Cannot update {"in-progress" if endpoint.status != "Failed" else "failed"} endpoint "{endpoint.arn}".',
                )
            if endpoint.config == config:
                raise ApiError("ValidationException", f'Cannot update endpoint "{endpoint.arn}" with its current endpoint configuration.')
            endpoint.status, endpoint.reason = "Updating", ""
            self._start(endpoint, config)
        return {"EndpointArn": endpoint.arn}

    def _sagemaker_DescribeEndpoint(self, body: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = self._find(body["EndpointName"])
        return {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.created,
            **({"FailureReason": endpoint.reason} if endpoint.reason else {}),
        }

    def _sagemaker_DeleteEndpoint(self, body: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            endpoint = self._find(body["EndpointName"])
            if endpoint.status in ("Creating", "Updating"):
                raise ApiError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
            if endpoint.status != "Deleting":
                endpoint.status = "Deleting"
                self._background(self._delete, endpoint)
        return {}

    def _delete(self, endpoint: Endpoint) -> None:
        for container in self._running(endpoint.name):
            _docker("rm", "-f", container)
        with self._lock:
            del self._endpoints[endpoint.name]
            self._tags.pop(endpoint.arn, None)

    def _find(self, name: str) -> Endpoint:
        if name not in self._endpoints:
            raise ApiError("ValidationException", f'Could not find endpoint "{_arn("Endpoint", name)}".')
        return self._endpoints[name]

    def _expect_config(self, config: str) -> None:
        if config not in self._models or _arn("EndpointConfig", config) not in self._tags:
            raise ApiError("ValidationException", f'Could not find endpoint configuration "{_arn("EndpointConfig", config)}".')

    def _background(self, function: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start(self, endpoint: Endpoint, config: str) -> None:
        model = self._models[config]
        self._background(self._replace, endpoint, config, self._images[model], self._environments[model])

    def _replace(self, endpoint: Endpoint, config: str, image: str, environment: Mapping[str, str]) -> None:
        """Run a container; it takes the old one's place when it is healthy, and goes when it does not get healthy."""
        began = time.monotonic()
        arguments = [argument for key, value in environment.items() for argument in ("-e", f"{key}={value}")]
        labels = ["--label", f"{LABEL}={self.id}", "--label", f"{LABEL}.endpoint={endpoint.name}"]
        reason, container, port = "", "", 0
        try:
            _docker("pull", "-q", image)
            container = _docker("run", "-d", *labels, *arguments, "-p", f"127.0.0.1:0:{_PORT}", image, "serve").strip()
            port = int(_docker("port", container, str(_PORT)).strip().splitlines()[0].rpartition(":")[2])
            if not self._healthy(container, port):
                reason = (
                    "The primary container for production variant AllTraffic did not pass the ping health check. "
                    "Please check CloudWatch logs for this endpoint."
                )
        except subprocess.CalledProcessError as error:
            reason = f"Failed to run the image {image}: {error.stderr.strip()}"
        if container:
            self._write_logs(endpoint.name, container)
        self._closed.wait(max(0.0, began + self.delay_s - time.monotonic()))
        with self._lock:
            old = endpoint.container
            if reason:
                endpoint.status, endpoint.reason = ("InService" if old else "Failed"), reason
                old = container
            else:
                endpoint.status, endpoint.config, endpoint.container, endpoint.port = "InService", config, container, port
        if old:
            _docker("rm", "-f", old)

    def _healthy(self, container: str, port: int) -> bool:
        deadline = time.monotonic() + self.ping_timeout_s
        while time.monotonic() < deadline and not self._closed.is_set():
            if status(port, "/ping") == 200:
                return True
            if _docker("inspect", "-f", "{{.State.Running}}", container).strip() != "true":
                return False
            time.sleep(0.1)
        return False

    def _write_logs(self, endpoint: str, container: str) -> None:
        done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        group, stream = f"/aws/sagemaker/Endpoints/{endpoint}", f"AllTraffic/i-{container[:17]}"
        moment = int(time.time() * 1000)
        events = [{"timestamp": moment + number, "message": line} for number, line in enumerate(lines)]
        for operation, parameters in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
            ("PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": events}),
        ):
            with contextlib.suppress(ApiError):  # a group that is there
                self._ask("logs", f"Logs_20140328.{operation}", **parameters)

    def _invoke(self, name: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        endpoint = self._endpoints.get(name)
        if endpoint is None or not endpoint.container:
            raise ApiError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        passed = {key: value for key, value in headers if key.lower() in ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")}
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)
        try:
            connection.request("POST", "/invocations", body, passed)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            raise ApiError("ServiceUnavailable", str(error), 503) from error
        finally:
            connection.close()
        if answer.status != 200:
            text = content.decode(errors="replace")
            message = f'Received client error ({answer.status}) from primary with message "{text}".'
            raise ApiError("ModelError", message, 424, OriginalStatusCode=answer.status, OriginalMessage=text, LogStreamArn="")
        sent = [(key, value) for key, value in answer.getheaders() if key.lower() in ("content-type", "x-amzn-sagemaker-custom-attributes")]
        return 200, [*sent, ("x-Amzn-Invoked-Production-Variant", "AllTraffic")], content


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{_KINDS.get(kind, kind.lower())}/{name.lower()}"


def _authorization(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"


def _call_of(path: str, headers: Mapping[str, str], body: bytes) -> Call:
    target = headers.get("x-amz-target", "")
    if target:
        service, _, action = target.rpartition(".")
        return Call(_SERVICES.get(service, service), action, json.loads(body or b"{}"))
    if path.startswith("/endpoints/"):
        return Call("sagemaker", "InvokeEndpoint")
    if path.startswith("/service/"):
        _, _, service, _, action = path.split("/")
        return Call(_SERVICES.get(service, service), action, _from_cbor(body))
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode())
        action = form["Action"][0]
        return Call("sts" if action == "GetCallerIdentity" else "iam", action)
    return Call("s3", "?")


def _cbor(document: Any) -> bytes:
    import cbor2

    return bytes(cbor2.dumps(document))


def _from_cbor(content: bytes) -> dict[str, Any]:
    import cbor2

    found: dict[str, Any] = cbor2.loads(content) if content else {}
    return found


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed while they ask."""


def _handler(server: SageMaker) -> type[BaseHTTPRequestHandler]:
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
    with running("moto", command, port, lambda: status(port, "/moto-api/") == 200), SageMaker(port, registry).running() as server:
        yield server


if __name__ == "__main__":
    with sagemaker(os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")) as found:
        for key_, value_ in found.environment.items():
            print(f"export {key_}={value_}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
