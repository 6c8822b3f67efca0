"""Endpoints for a test: each is a container on a Docker Engine, run as SageMaker runs it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from s3_servers import status
from sagemaker_catalog import Catalog
from sagemaker_requests import ACCOUNT, Answered, ApiError, Headers, Moto, arn_of

LABEL = "mlem.test.sagemaker"
_PORT = 8080


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


class Endpoints:
    """All endpoints.

    Args:
        id_: Names the server that they are of.
        moto: Where their logs go.
        catalog: Models, configurations and tags.

    Attributes:
        delay_s: How long a change takes at least.
        ping_timeout_s: How long a container has until it is healthy.
    """

    def __init__(self, id_: str, moto: Moto, catalog: Catalog) -> None:
        self.delay_s = 0.0
        self.ping_timeout_s = 30.0
        self._id = id_
        self._moto = moto
        self._catalog = catalog
        self._all: dict[str, Endpoint] = {}
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def close(self) -> None:
        """Wait for what is on its way, and remove all containers."""
        self._closed.set()
        for worker in self._threads:
            worker.join(30)
        for container in _docker("ps", "-aq", "--filter", f"label={LABEL}={self._id}").split():
            _docker("rm", "-f", container)

    def containers(self, lineage: str) -> list[str]:
        """Return the running containers of the endpoints with a lineage's tag."""
        with self._catalog.lock:
            names = [
                one.name
                for one in self._all.values()
                if self._catalog.tags.get(one.arn, {}).get("mlem:lineage") == lineage
            ]
        return [id_ for name in names for id_ in self._running(name)]

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait until no endpoint changes."""
        deadline = time.monotonic() + timeout_s
        while any(endpoint.status in ("Creating", "Updating", "Deleting") for endpoint in list(self._all.values())):
            if time.monotonic() > deadline:
                raise TimeoutError(str(self._all))
            time.sleep(0.02)

    def _running(self, endpoint: str) -> list[str]:
        return _docker(
            "ps",
            "-q",
            "--no-trunc",
            "--filter",
            f"label={LABEL}={self._id}",
            "--filter",
            f"label={LABEL}.endpoint={endpoint}",
        ).split()

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer CreateEndpoint."""
        name, config = body["EndpointName"], body["EndpointConfigName"]
        arn = arn_of("Endpoint", name)
        with self._catalog.lock:
            self._expect_config(config)
            if name in self._all:
                raise ApiError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint = self._all[name] = Endpoint(name, arn, config, "Creating")
            self._catalog.tags[arn] = {tag["Key"]: tag["Value"] for tag in body.get("Tags", [])}
            self._start(endpoint, config)
        return {"EndpointArn": arn}

    def update(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer UpdateEndpoint."""
        config = body["EndpointConfigName"]
        with self._catalog.lock:
            endpoint = self._find(body["EndpointName"])
            self._expect_config(config)
            if endpoint.status != "InService":
                raise ApiError(
                    "ValidationException",
                    f"Cannot update {'in-progress' if endpoint.status != 'Failed' else 'failed'} "
                    f'endpoint "{endpoint.arn}".',
                )
            if endpoint.config == config:
                raise ApiError(
                    "ValidationException",
                    f'Cannot update endpoint "{endpoint.arn}" with its current endpoint configuration.',
                )
            endpoint.status, endpoint.reason = "Updating", ""
            self._start(endpoint, config)
        return {"EndpointArn": endpoint.arn}

    def describe(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeEndpoint."""
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

    def delete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DeleteEndpoint."""
        with self._catalog.lock:
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
        with self._catalog.lock:
            del self._all[endpoint.name]
            self._catalog.tags.pop(endpoint.arn, None)

    def _find(self, name: str) -> Endpoint:
        if name not in self._all:
            raise ApiError("ValidationException", f'Could not find endpoint "{arn_of("Endpoint", name)}".')
        return self._all[name]

    def _expect_config(self, config: str) -> None:
        if config not in self._catalog.models or arn_of("EndpointConfig", config) not in self._catalog.tags:
            raise ApiError(
                "ValidationException", f'Could not find endpoint configuration "{arn_of("EndpointConfig", config)}".'
            )

    def _background(self, function: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start(self, endpoint: Endpoint, config: str) -> None:
        model = self._catalog.models[config]
        self._background(
            self._replace, endpoint, config, self._catalog.images[model], self._catalog.environments[model]
        )

    def _replace(self, endpoint: Endpoint, config: str, image: str, environment: Mapping[str, str]) -> None:
        """Run a container; it takes the old one's place when it is healthy, and goes when it does not get healthy."""
        began = time.monotonic()
        arguments = [argument for key, value in environment.items() for argument in ("-e", f"{key}={value}")]
        labels = ["--label", f"{LABEL}={self._id}", "--label", f"{LABEL}.endpoint={endpoint.name}"]
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
        with self._catalog.lock:
            old = endpoint.container
            if reason:
                endpoint.status, endpoint.reason = ("InService" if old else "Failed"), reason
                old = container
            else:
                endpoint.status, endpoint.config, endpoint.container, endpoint.port = (
                    "InService",
                    config,
                    container,
                    port,
                )
        if old:
            _docker("rm", "-f", old)

    def _healthy(self, container: str, port: int) -> bool:
        deadline = time.monotonic() + self.ping_timeout_s
        with subprocess.Popen(["docker", "wait", container], stdout=subprocess.DEVNULL) as end:
            try:
                while end.poll() is None and time.monotonic() < deadline and not self._closed.is_set():
                    if status(port, "/ping") == 200:
                        return True
                    time.sleep(0.1)
            finally:
                end.kill()
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
                self._moto.ask("logs", f"Logs_20140328.{operation}", **parameters)

    def invoke(self, name: str, headers: Headers, body: bytes) -> Answered:
        """Answer InvokeEndpoint.

        Raises:
            ApiError: There is none, or its container fails.
        """
        endpoint = self._all.get(name)
        if endpoint is None or not endpoint.container:
            raise ApiError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        passed = {
            key: value
            for key, value in headers
            if key.lower() in ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
        }
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
            raise ApiError(
                "ModelError", message, 424, OriginalStatusCode=answer.status, OriginalMessage=text, LogStreamArn=""
            )
        sent = [
            (key, value)
            for key, value in answer.getheaders()
            if key.lower() in ("content-type", "x-amzn-sagemaker-custom-attributes")
        ]
        return 200, [*sent, ("x-Amzn-Invoked-Production-Variant", "AllTraffic")], content


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout
