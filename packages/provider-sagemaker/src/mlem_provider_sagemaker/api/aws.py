"""AWS through boto3: plain data in and out, errors in our words. Only this module imports boto3, and it does so late.

Throttling and failures of AWS are repeated by botocore, with growing pauses. Source: boto3 guide, "Retries", standard
mode (read 2026-11).
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlem import MlemError
from mlem.provider import ProcessLocal, Response
from mlem_provider_sagemaker.api.errors import GONE, translate

if TYPE_CHECKING:
    import boto3

_ATTEMPTS = 6
_INVOKE_TIMEOUT_S = 75.0
"""A container has 60 s to answer. Source: developer guide, "How Your Container Should Respond to Inference Requests"
(read 2026-11)."""

_FRESH_S = 2.0


def connect(profile: str | None, region: str | None) -> Account:
    """Return an account in a region; the same object for as long as AWS's environment variables stay the same.

    Raises:
        CredentialsError: The profile does not exist.
        UserError: No region is known.
    """
    environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _opened.get()(profile, region, environment)


def _open(profile: str | None, region: str | None, _environment: tuple[tuple[str, str], ...]) -> Account:
    import boto3
    from botocore.exceptions import NoRegionError

    with translated("open the AWS session"):
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            raise NoRegionError
        return Account(session)


def _opener() -> Callable[[str | None, str | None, tuple[tuple[str, str], ...]], Account]:
    return functools.lru_cache(maxsize=4)(_open)


_opened = ProcessLocal(_opener)


class Account:
    """An AWS account in one region.

    Args:
        session: boto3's session.

    Attributes:
        session: The same.
        region: Its region.
    """

    def __init__(self, session: boto3.session.Session) -> None:
        self.session = session
        self.region = str(session.region_name)
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()  # boto3 makes clients for one thread at a time
        self._seen: dict[str, tuple[float, Mapping[str, Any]]] = {}

    @functools.cached_property
    def identity(self) -> Mapping[str, Any]:
        """Whose the credentials are: ``Account``, 12 digits, and ``Arn``; asked once."""
        return self.call("find out whose account this is", "sts", "get_caller_identity")

    def call(self, what: str, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call an operation of AWS's API.

        Args:
            what: What is being done, for messages: ``create the model iris-app``.
            service: boto3's name of the service.
            operation: boto3's name of the operation.
            **arguments: The operation's parameters; those that are None are left out.

        Raises:
            MlemError: See `mlem_provider_sagemaker.api.errors`.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        with translated(what):
            answer: dict[str, Any] = getattr(self.client(service), operation)(**given)
            return answer

    def pages(self, what: str, service: str, operation: str, key: str, /, **arguments: Any) -> Iterator[Any]:
        """Yield the items of a list that comes in pages."""
        with translated(what):
            for page in self.client(service).get_paginator(operation).paginate(**arguments):
                yield from page[key]

    def find(self, what: str, service: str, operation: str, /, **arguments: Any) -> dict[str, Any] | None:
        """Call an operation; None when what it names is not there."""
        try:
            return self.call(what, service, operation, **arguments)
        except MlemError as error:
            if error.code != GONE:
                raise
            return None

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """Describe an endpoint; None when there is none."""
        found = self.find(f"describe the endpoint {name}", "sagemaker", "describe_endpoint", EndpointName=name)
        self._seen.pop(name, None)
        return found

    def remember(self, name: str, description: Mapping[str, Any]) -> None:
        """Keep what is known of an endpoint for the next `just_seen`, so that plan and gate need not ask twice."""
        self._seen[name] = (time.monotonic(), description)

    def just_seen(self, name: str) -> Mapping[str, Any] | None:
        """Return, once, what was known of an endpoint a moment ago; else describe it."""
        moment, description = self._seen.pop(name, (0.0, None))
        return description if description is not None and time.monotonic() - moment < _FRESH_S else self.endpoint(name)

    def tags(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of a SageMaker resource; none when it is gone."""
        found = self.find(f"list the tags of {arn}", "sagemaker", "list_tags", ResourceArn=arn)
        return [] if found is None else list(found["Tags"])

    def invoke(
        self, endpoint: str, body: bytes, attributes: str, content_type: str, accept: str
    ) -> tuple[Response, str]:
        """Call an endpoint.

        Args:
            endpoint: Its name.
            body: The request's body.
            attributes: The custom attributes.
            content_type: Media type of the body.
            accept: Media type of the answer.

        Returns:
            What the container answered, an error of its own included, and the answer's custom attributes.

        Raises:
            MlemError: The call did not reach the container.
        """
        from botocore.exceptions import ClientError

        with translated(f"call the endpoint {endpoint}"):
            try:
                answer = self.client("sagemaker-runtime").invoke_endpoint(
                    EndpointName=endpoint,
                    Body=body,
                    ContentType=content_type,
                    Accept=accept,
                    CustomAttributes=attributes,
                )
                content = answer["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] != "ModelError":
                    raise
                # Source: SageMaker runtime API reference, InvokeEndpoint, ModelError (read 2026-11)
                status, text = error.response.get("OriginalStatusCode", 500), error.response.get("OriginalMessage", "")
                return Response(int(status), "application/json", None, text.encode()), ""
        return Response(200, answer.get("ContentType", ""), None, content), answer.get("CustomAttributes", "")

    def close(self, service: str) -> None:
        """Close the connections to a service; the next call opens new ones."""
        if service in self._clients:
            self._clients.pop(service).close()

    def client(self, service: str) -> Any:
        """Return boto3's client of a service; threads share it."""
        from botocore.config import Config

        with self._making:
            if service not in self._clients:
                config = Config(
                    connect_timeout=10,
                    read_timeout=_INVOKE_TIMEOUT_S if service == "sagemaker-runtime" else 60,
                    retries={
                        "mode": "standard",
                        "total_max_attempts": 3 if service == "sagemaker-runtime" else _ATTEMPTS,
                    },
                    user_agent_extra="mlem-provider-sagemaker",
                )
                self._clients[service] = self.session.client(service, config=config)
            return self._clients[service]


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise our errors for those of AWS and botocore."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code, text = str(found.get("Code", "")), str(found.get("Message") or error)
        raise translate(what, code.rpartition("#")[2], text) from error
    except BotoCoreError as error:
        raise translate(what, type(error).__name__, str(error)) from error
    except ValueError as error:  # botocore's error for an AWS_ENDPOINT_URL that is not a URL
        if "endpoint" not in str(error):
            raise
        raise translate(what, "ValueError", str(error)) from error
