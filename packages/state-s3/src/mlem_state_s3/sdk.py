"""boto3: the only module of this package that imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore.exceptions
from botocore.config import Config

from mlem_state_s3.errors import translate

if TYPE_CHECKING:
    from mlem_state_s3.state_manager import S3StateManager


def make_client(manager: S3StateManager) -> Any:
    """Make a client that sends each request once; whether and when to repeat it is decided by the caller.

    Raises:
        CredentialsError: The profile does not exist.
    """
    path_style = manager.path_style if manager.path_style is not None else manager.endpoint_url is not None
    # Newer SDKs add a checksum that only AWS and a few others understand; Content-MD5 is understood everywhere.
    checksums: dict[str, Any] = {
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    config = Config(
        connect_timeout=manager.connect_timeout_s,
        read_timeout=manager.read_timeout_s,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path" if path_style else "auto"},
        user_agent_extra="mlem-state-s3",
        **checksums,
    )
    try:
        session = boto3.session.Session(profile_name=manager.profile, region_name=manager.region)
        # A private server has no regions, but signatures need one.
        region = session.region_name or "us-east-1"
        return session.client("s3", endpoint_url=manager.endpoint_url, region_name=region, config=config)
    except (
        botocore.exceptions.BotoCoreError,
        ValueError,
    ) as error:  # a ValueError is botocore's for an address without a scheme
        raise translate(error, manager.uri, "open") from error


def call(client: Any, operation: str, where: str, action: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send one request.

    Args:
        client: What `make_client` returned.
        operation: boto3's name of the operation: ``put_object``.
        where: The URL, for messages.
        action: The verb, for messages.
        arguments: The operation's parameters.

    Raises:
        MlemError: See `mlem_state_s3.errors`.
    """
    try:
        answer: dict[str, Any] = getattr(client, operation)(**arguments)
        if operation == "get_object":
            answer["Body"] = answer["Body"].read()
        return answer
    except (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        botocore.exceptions.HTTPClientError,
    ) as error:
        raise translate(error, where, action) from error
    except Exception as error:  # the connection is cut while the body is read, or botocore can't parse the answer
        raise translate(error, where, action) from error
