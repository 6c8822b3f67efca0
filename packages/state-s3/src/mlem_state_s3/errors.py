"""What S3 and boto3 say, and what it means here: one table.

Source: Amazon S3 API reference, "Error responses", and user guide, "Conditional writes", read 2025-11.
"""

from __future__ import annotations

from typing import Any

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, StateUnknownError, UserError
from mlem.provider import lacks_credentials

CREDENTIALS_CODES = {
    "403",
    "AccessDenied",
    "AccountProblem",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
REGION_CODES = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
USAGE_CLASSES = {
    "InvalidEndpointDiscoveryConfigurationError",
    "InvalidRegionError",
    "ParamValidationError",
    "UnknownEndpointError",
}


def translate(error: Exception, where: str, action: str) -> MlemError:
    """Return our error for one of S3 or boto3.

    Args:
        error: What was raised.
        where: The URL.
        action: The verb, for messages.

    Returns:
        `ConflictError` for a condition that does not hold, `NotFoundError` for a bucket or object that is not there,
        `StateUnknownError` for everything after which the request may have been carried out.
    """
    name = type(error).__name__
    response: dict[str, Any] = getattr(error, "response", None) or {}  # None where there was no answer
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    words = f"can't {action} {where}: {error}"
    if status == 412 or code == "PreconditionFailed":
        return ConflictError(
            f"{where} was changed by somebody else since it was read", hint="look at it, then run again"
        )
    if code == "NoSuchBucket":
        return NotFoundError(
            f"can't {action} {where}: there is no such bucket",
            code="no-bucket",
            hint="make the bucket, or check core.state.uri",
        )
    if code in {"NoSuchKey", "404"} or (status == 404 and code == "NotFound"):
        return NotFoundError(f"{where} is not there", code="no-object")
    if lacks_credentials(error) or code in CREDENTIALS_CODES or status == 403:
        return CredentialsError(
            words, hint="check AWS_PROFILE, AWS_ACCESS_KEY_ID and the permissions: aws sts get-caller-identity"
        )
    if code == "RequestTimeTooSkewed":
        return CredentialsError(
            words, code="wrong-clock", hint="set this machine's clock: a request is signed with the time"
        )
    if code in REGION_CODES or status == 301:
        return UserError(
            words, code="other-region", hint="set the bucket's region: mlem config set core.state.region REGION"
        )
    if status == 501 or code == "NotImplemented":
        return PlatformError(words, code="unsafe-store", hint="this server has no conditional writes: choose another")
    if name == "ValueError" and "endpoint" in str(error):
        hint = "write the address with its scheme: mlem config set core.state.endpoint_url https://HOST"
        return UserError(words, code="bad-declaration", hint=hint)
    if name in USAGE_CLASSES:
        return UserError(words, code="bad-declaration", hint="mlem types state_manager s3")
    # 409, 429, 5xx, a timeout, a cut connection: it may have been done, or may still be.
    return StateUnknownError(words)


def no_s3(where: str, action: str) -> MlemError:
    """Return the error for an answer that S3 never gives: a proxy's page, or another service under the address."""
    message = f"can't {action} {where}: the server that answered is not S3, since its answer has no ETag"
    return StateUnknownError(
        message, code="no-s3", hint="check core.state.endpoint_url, and whether there is a proxy in between"
    )
