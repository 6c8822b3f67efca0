"""The table of errors: what S3 and boto3 say, and what it means."""

from __future__ import annotations

import botocore.exceptions
import pytest

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, StateUnknownError, UserError
from mlem_state_s3.errors import translate


def answer(status: int, code: str) -> Exception:
    response = {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, "PutObject")  # type: ignore[arg-type]  # the parts that are looked at


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (answer(412, "PreconditionFailed"), ConflictError, "conflict"),
        (answer(409, "ConditionalRequestConflict"), StateUnknownError, "state-unknown"),
        (answer(409, "OperationAborted"), StateUnknownError, "state-unknown"),
        (answer(404, "NoSuchBucket"), NotFoundError, "no-bucket"),
        (answer(404, "NoSuchKey"), NotFoundError, "no-object"),
        (answer(404, "404"), NotFoundError, "no-object"),
        (answer(403, "AccessDenied"), CredentialsError, "credentials"),
        (answer(403, "RequestTimeTooSkewed"), CredentialsError, "credentials"),
        (answer(400, "ExpiredToken"), CredentialsError, "credentials"),
        (answer(301, "PermanentRedirect"), UserError, "other-region"),
        (answer(400, "AuthorizationHeaderMalformed"), UserError, "other-region"),
        (answer(501, "NotImplemented"), PlatformError, "unsafe-store"),
        (answer(500, "InternalError"), StateUnknownError, "state-unknown"),
        (answer(503, "SlowDown"), StateUnknownError, "state-unknown"),
        (answer(429, "TooManyRequests"), StateUnknownError, "state-unknown"),
        (botocore.exceptions.NoCredentialsError(), CredentialsError, "credentials"),
        (botocore.exceptions.ProfileNotFound(profile="nobody"), CredentialsError, "credentials"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://far"), StateUnknownError, "state-unknown"),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://far"), StateUnknownError, "state-unknown"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://far"), StateUnknownError, "state-unknown"),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="http://far"), StateUnknownError, "state-unknown"),
        (botocore.exceptions.ParamValidationError(report="Bucket"), UserError, "bad-declaration"),
        (ConnectionResetError("reset"), StateUnknownError, "state-unknown"),
    ],
)
def test_each_answer_means_one_thing(error: Exception, expected: type[MlemError], code: str) -> None:
    translated = translate(error, "s3://b/app.mlem.state", "write")
    assert (type(translated), translated.code) == (expected, code)
