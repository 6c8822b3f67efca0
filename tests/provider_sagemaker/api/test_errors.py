"""The table of errors: what AWS and botocore say, and what it means here."""

from __future__ import annotations

import pytest

from mlem_provider_sagemaker.api.errors import translate


@pytest.mark.parametrize(
    ("code", "text", "ours", "exit_code"),
    [
        ("ExpiredTokenException", "expired", "credentials-expired", 6),
        (
            "UnauthorizedSSOTokenError",
            "The SSO session associated with this profile has expired",
            "credentials-expired",
            6,
        ),
        ("UnrecognizedClientException", "The security token included in the request is invalid", "credentials", 6),
        ("AccessDeniedException", "no words about an action", "access-denied", 6),
        ("ThrottlingException", "Rate exceeded", "throttled", 7),
        (
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.g5.xlarge for endpoint usage' is 0 Instances",
            "quota-exceeded",
            7,
        ),
        ("ServiceQuotaExceededException", "too many scalable targets", "quota-exceeded", 7),
        ("ValidationException", 'Cannot create already existing model "arn:x".', "already-exists", 4),
        ("ValidationException", 'Cannot update in-progress endpoint "arn:x".', "in-progress", 4),
        ("ValidationException", 'Could not find endpoint "arn:x".', "aws-not-found", 3),
        ("RepositoryNotFoundException", "no such repository", "aws-not-found", 3),
        (
            "ValidationException",
            "Could not assume role arn:x. Please ensure that the role exists",
            "role-not-trusted",
            2,
        ),
        ("ValidationException", "The role does not have permission ecr:BatchGetImage", "role-lacks-permission", 2),
        ("ValidationException", "1 validation error detected", "refused", 2),
        ("ParamValidationError", "Parameter validation failed", "refused", 2),
        ("InternalFailure", "oops", "aws-failed", 7),
        ("ServiceUnavailable", "oops", "aws-failed", 7),
        ("ReadTimeoutError", "Read timeout on endpoint URL", "aws-timeout", 9),
        ("EndpointConnectionError", "Could not connect to the endpoint URL", "aws-unreachable", 7),
        ("ProxyConnectionError", "Failed to connect to proxy URL", "aws-unreachable", 7),
        ("SomethingNew", "who knows", "platform", 7),
    ],
)
def test_an_error_of_aws_is_one_of_ours(code: str, text: str, ours: str, exit_code: int) -> None:
    found = translate("do it", code, text)
    assert (found.code, found.exit_code, text in found.message, found.message.startswith("can't do it: ")) == (
        ours,
        exit_code,
        True,
        True,
    )
