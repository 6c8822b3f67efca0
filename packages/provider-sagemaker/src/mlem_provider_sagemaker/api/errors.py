"""What AWS and botocore say, in our words: one table, first match wins.

Source: Amazon SageMaker API reference, "Common Errors" and the errors of each operation; Amazon ECR API reference,
"Common Errors"; IAM user guide, "Troubleshoot access denied error messages"; Service Quotas user guide; botocore
``exceptions.py`` 1.40 (read 2026-11).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, UserError, WaitTimeoutError

GONE, EXISTS, BUSY, DENIED = "aws-not-found", "already-exists", "in-progress", "access-denied"
"""Codes that the steps look at."""


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Attributes:
        code: Matches AWS's error code, or the name of botocore's exception; a regular expression.
        text: Matches part of the message; a regular expression.
        error: Our class of error.
        ours: Our code.
        hint: The next step.
    """

    code: str
    text: str
    error: type[MlemError]
    ours: str
    hint: str | None


_LOGIN = "log in (aws sso login), or set AWS_PROFILE or AWS_ACCESS_KEY_ID; check with: aws sts get-caller-identity"
_QUOTA = (
    "raise the quota (console: Service Quotas, Amazon SageMaker), or choose another --instance_type or fewer instances"
)

TABLE = (
    Rule(
        r"ExpiredToken(Exception)?|RequestExpired|(Unauthorized)?SSOToken(Load|Provider)?Error|TokenRetrievalError"
        r"|LoginRefreshRequired",
        "",
        CredentialsError,
        "credentials-expired",
        _LOGIN,
    ),
    Rule(
        r"NoCredentialsError|PartialCredentialsError|CredentialRetrievalError|NoAuthTokenError|SSOError"
        r"|InvalidClientTokenId|UnrecognizedClient(Exception)?|InvalidSignatureException|SignatureDoesNotMatch"
        r"|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature|InvalidToken|OptInRequired",
        "",
        CredentialsError,
        "credentials",
        _LOGIN,
    ),
    Rule(
        "ProfileNotFound",
        "",
        CredentialsError,
        "no-profile",
        "aws configure list-profiles shows them; name one: --env.profile",
    ),
    Rule("NoRegionError", "", UserError, "no-region", "name one: --env.region eu-west-1, or set AWS_REGION"),
    Rule("InvalidRegionError", "", UserError, "bad-region", "a region is written like this: eu-west-1"),
    Rule(
        "ThrottlingException|Throttling|TooManyRequests(Exception)?|RequestLimitExceeded|SlowDown"
        "|LimitExceededException",
        r"Rate exceeded|rate|throttl|too many|slow down",
        PlatformError,
        "throttled",
        "AWS refuses so many calls at once: repeat the command in a minute",
    ),
    Rule(
        "ThrottlingException|Throttling|TooManyRequestsException|RequestLimitExceeded|SlowDown",
        "",
        PlatformError,
        "throttled",
        "AWS refuses so many calls at once: repeat the command in a minute",
    ),
    Rule(
        r"ResourceLimitExceeded|ServiceQuotaExceeded(Exception)?|LimitExceeded(Exception)?",
        "",
        PlatformError,
        "quota-exceeded",
        _QUOTA,
    ),
    Rule(
        "ValidationException|ValidationError",
        r"Cannot create already existing|already exists",
        ConflictError,
        EXISTS,
        "choose another name: --endpoint_name",
    ),
    Rule("ResourceInUse|RepositoryAlreadyExistsException", "", ConflictError, EXISTS, None),
    Rule(
        "ValidationException|ValidationError|ResourceInUse|ConflictException|ConcurrentUpdateException",
        r"in.progress|is (currently )?(being )?(creating|updating|deleting)|RollingBack",
        ConflictError,
        BUSY,
        "wait until it is in service: mlem deployment wait NAME",
    ),
    Rule(
        "ValidationException|ValidationError",
        r"Could not find|does not exist|not found",
        NotFoundError,
        GONE,
        "repair it: mlem deployment run --load NAME",
    ),
    Rule(
        r"ResourceNotFound(Exception)?|RepositoryNotFoundException|NoSuchEntity(Exception)?|ObjectNotFoundException"
        r"|ImageNotFoundException|NoSuchBucket|NoSuchKey|404",
        "",
        NotFoundError,
        GONE,
        "check the name in the message",
    ),
    Rule("RepositoryNotEmptyException", "", ConflictError, "repository-not-empty", None),
    Rule(
        "ValidationException",
        r"[Cc]ould not assume role|assume the role|trust",
        UserError,
        "role-not-trusted",
        'the role must trust SageMaker: {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, '
        '"Action": "sts:AssumeRole"}',
    ),
    Rule(
        "ValidationException",
        r"does not have permission|[Aa]ccess denied|ecr:(BatchGetImage|GetDownloadUrlForLayer)|not authorized",
        UserError,
        "role-lacks-permission",
        "the endpoint's role must be allowed ecr:GetAuthorizationToken, ecr:BatchGetImage, "
        "ecr:GetDownloadUrlForLayer and ecr:BatchCheckLayerAvailability",
    ),
    Rule(
        "ValidationException|ValidationError",
        "",
        UserError,
        "refused",
        "correct the option that it names: mlem types deployment sagemaker",
    ),
    Rule(
        "ParamValidationError|InvalidParameter(Exception)?|InvalidParameterValue",
        "",
        UserError,
        "refused",
        "correct the option that it names: mlem types deployment sagemaker",
    ),
    Rule(
        "UnknownServiceError|InvalidEndpointURL|UnknownEndpointError|ValueError",
        "",
        UserError,
        "bad-endpoint",
        "check AWS_ENDPOINT_URL",
    ),
    Rule(
        "ConnectTimeoutError|ReadTimeoutError",
        "",
        WaitTimeoutError,
        "aws-timeout",
        "check whether this machine reaches AWS, and repeat the command",
    ),
    Rule(
        "EndpointConnectionError",
        r"Could not connect",
        PlatformError,
        "aws-unreachable",
        "check whether this machine reaches AWS, whether SageMaker is in that region, and the proxy: HTTPS_PROXY",
    ),
    Rule(
        "ConnectionClosedError|EndpointConnectionError|HTTPClientError|ProxyConnectionError|SSLError|ConnectionError"
        "|ResponseStreamingError",
        "",
        PlatformError,
        "aws-unreachable",
        "check whether this machine reaches AWS, and the proxy: HTTPS_PROXY, AWS_CA_BUNDLE",
    ),
    Rule(
        r"Internal(Server|Service)?(Error|Failure|Exception)?|ServiceUnavailable(Exception)?|ServerException|5\d\d",
        "",
        PlatformError,
        "aws-failed",
        "AWS failed, even when asked again: repeat the command later",
    ),
)

_DENIED_CODES = re.compile(r"AccessDenied(Exception)?|UnauthorizedOperation|AuthorizationError|403|Forbidden")
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")
_RESOURCE = re.compile(r"on resource:? (\S+?)(?: because|$|[\s,])")
_WHO = re.compile(r"User: (\S+)")


def translate(what: str, code: str, text: str) -> MlemError:
    """Return our error for one of AWS or botocore.

    Args:
        what: What was being done: ``create the model iris-app``.
        code: AWS's error code, or the name of botocore's exception.
        text: The message.
    """
    if _DENIED_CODES.fullmatch(code):
        return denied(what, text)
    for rule in TABLE:
        if re.fullmatch(rule.code, code) and re.search(rule.text, text, re.IGNORECASE):
            return rule.error(f"can't {what}: {text}", code=rule.ours, hint=rule.hint)
    return PlatformError(f"can't {what}: {code}: {text}")


def denied(what: str, text: str) -> CredentialsError:
    """Return the error for a missing permission, with the policy statement that grants it."""
    action, resource, who = _ACTION.search(text), _RESOURCE.search(text), _WHO.search(text)
    if action is None:
        return CredentialsError(
            f"can't {what}: {text}", code=DENIED, hint="the whole policy is in docs/how-to/sagemaker.md"
        )
    statement = {"Effect": "Allow", "Action": action[1], "Resource": resource[1] if resource else "*"}
    return CredentialsError(
        f"can't {what}: {action[1]} is not allowed{f' for {who[1]}' if who else ''}: {text}",
        code=DENIED,
        hint=f"add to its policy: {json.dumps(statement)}; the whole policy is in docs/how-to/sagemaker.md",
    )
