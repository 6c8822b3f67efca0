"""What AWS refuses: a clear error, the right exit code, the next step."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import sagemaker_server

from mlem.testing import Project

from .conftest import APP, deploy


def refusal(code: str, message: str, **fields: Any) -> Any:
    return sagemaker_server.ApiError(code, message, **fields)


def failure(project: Project, *options: str, model: str = "double") -> tuple[int, str, str]:
    """Deploy, and return the exit code, the code of the error, and everything that was said."""
    done = project.run("sagemaker", APP, model, options)
    last = next((line for line in done.stderr.splitlines() if line.startswith("error[")), "error[]")
    return done.returncode, last.partition("[")[2].partition("]")[0], done.stderr


DENIED = (
    "User: arn:aws:iam::1:user/ada is not authorized to perform: sagemaker:CreateModel on resource: "
    "arn:aws:sagemaker:eu-west-1:1:model/x because no identity-based policy allows the sagemaker:CreateModel action"
)
QUOTA = (
    "The account-level service limit 'ml.m5.large for endpoint usage' is 0 Instances, "
    "with current utilization of 0 Instances and a "
    "request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota."
)


def test_a_missing_permission_is_named_with_the_statement_that_gives_it(
    project: Project, aws: Any, options: list[str]
) -> None:
    aws.refused = {"CreateModel": refusal("AccessDeniedException", DENIED)}
    code, name, said = failure(project, *options)
    assert (code, name) == (6, "access-denied"), said
    assert "sagemaker:CreateModel is not allowed for arn:aws:iam::1:user/ada" in said
    assert (
        '{"Effect": "Allow", "Action": "sagemaker:CreateModel", "Resource": "arn:aws:sagemaker:eu-west-1:1:model/x"}'
        in said
    )


def test_a_quota_is_named(project: Project, aws: Any, options: list[str]) -> None:
    aws.refused = {"CreateEndpoint": refusal("ResourceLimitExceeded", QUOTA)}
    code, name, said = failure(project, *options)
    assert (code, name, "'ml.m5.large for endpoint usage'" in said, "Service Quotas" in said) == (
        7,
        "quota-exceeded",
        True,
        True,
    ), said


def test_what_aws_finds_invalid_is_shown(project: Project, aws: Any, options: list[str]) -> None:
    aws.refused = {"CreateEndpointConfig": refusal("ValidationException", "Instance type ml.x9.huge is not supported")}
    assert failure(project, *options)[:2] == (2, "refused")


def test_a_role_that_is_not_there_is_found_out_before_anything_is_built(project: Project, options: list[str]) -> None:
    code, name, said = failure(project, *[item.replace("mlem-endpoints", "nobody") for item in options])
    assert (code, name, "no role nobody" in said, "--env.role" in said) == (3, "no-such-role", True, True), said
    assert ("creating" in said, "sending the model" in said, "pushing" in said) == (False, False, False), said


def test_a_role_that_does_not_trust_sagemaker(project: Project, options: list[str]) -> None:
    arn = "arn:aws:iam::123456789012:role/other"
    code, name, said = failure(project, *[item.replace("mlem-endpoints", arn) for item in options])
    assert (code, name, "sagemaker.amazonaws.com" in said) == (2, "role-not-trusted", True), said


def test_no_role(project: Project, options: list[str]) -> None:
    code, name, said = failure(project, *[item for item in options if "role" not in item])
    assert (code, name, "--env.role" in said) == (2, "no-role", True), said


def test_no_credentials(project: Project, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, name, said = failure(project, *options)
    assert (code, name, "aws sso login" in said) == (6, "credentials", True), said


def test_expired_credentials(project: Project, aws: Any, options: list[str]) -> None:
    aws.refused = {
        "DescribeRepositories": refusal(
            "ExpiredTokenException", "The security token included in the request is expired"
        )
    }
    assert failure(project, *options)[:2] == (6, "credentials-expired")


def test_a_profile_that_is_not_there(project: Project, options: list[str]) -> None:
    assert failure(project, *options, "--env.profile", "nobody")[:2] == (6, "no-profile")
    assert not (project.folder / f"{APP}.mlem").exists()


def test_no_region(project: Project, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert failure(project, *options)[:2] == (2, "no-region")


def test_aws_can_not_be_reached(project: Project, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        assert failure(project, *options)[:2] == (7, "aws-unreachable")


def test_throttling_that_does_not_end(project: Project, aws: Any, options: list[str]) -> None:
    aws.refused = {"CreateModel": refusal("ThrottlingException", "Rate exceeded")}
    code, name, said = failure(project, *options)
    assert (code, name) == (7, "throttled"), said
    assert len([call for call in aws.calls if call.action == "CreateModel"]) > 3, "it is repeated, with pauses"


def test_options_that_exclude_each_other(project: Project, options: list[str]) -> None:
    code, _, said = failure(project, *options, "--serverless.memory_mib", "1024", "--instance_type", "ml.m5.large")
    assert (code, ".mlem: a serverless endpoint has no instance_type" in said) == (2, True), said
    code, _, said = failure(project, *options, "--serverless.memory_mib", "1500")
    assert code == 2, said


def test_nothing_secret_is_written_or_said(
    project: Project, options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "canary-8c1d"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    said = deploy(project, "double", options)
    files = [path for path in (*project.folder.rglob("*"), *tmp_path.rglob("*")) if path.is_file()]
    assert (secret in said, [str(path) for path in files if secret.encode() in path.read_bytes()]) == (False, [])


def test_doctor_names_the_account_and_a_role_that_is_not_there(project: Project, aws: Any) -> None:
    for name, role in (("there", "mlem-endpoints"), ("elsewhere", "no-such-role")):
        words = ("declare", "env", "sagemaker", name, "--region", "eu-west-1", "--role", role)
        assert project.mlem(*words).returncode == 0
    done = project.mlem("doctor", "--output", "json")
    checks = {row["check"]: row for row in json.loads(done.stdout)["checks"]}
    assert (checks["env there: AWS account"]["ok"], checks["env there: role"]["ok"]) == (True, True), done.stdout
    assert "account 123456789012, as arn:aws:" in checks["env there: AWS account"]["message"]
    assert (done.returncode, "no role no-such-role" in checks["env elsewhere: role"]["message"]) == (3, True)
