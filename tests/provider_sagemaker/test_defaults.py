"""The organisation's defaults come from the SageMaker SDK's configuration; the SDK is loaded only if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlem.testing import Project
from mlem_provider_sagemaker.api.aws import connect

from .conftest import APP, deploy, lineage_of

CONFIG = """
SchemaVersion: '1.0'
SageMaker:
  Model:
    ExecutionRoleArn: arn:aws:iam::123456789012:role/service/mlem-endpoints
    VpcConfig: {Subnets: [subnet-9], SecurityGroupIds: [sg-9]}
    Tags: [{Key: cost, Value: m}]
  EndpointConfig:
    KmsKeyId: org-key
    DataCaptureConfig: {KmsKeyId: capture-key}
    Tags: [{Key: cost, Value: c}]
  Endpoint:
    Tags: [{Key: cost, Value: e}, {Key: 'mlem:lineage', Value: nobody}]
"""


@pytest.fixture
def config(aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    monkeypatch.setenv("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", str(path))
    return path


def test_what_the_declaration_leaves_open_is_the_organisations(
    project: Project, config: Path, options: list[str]
) -> None:
    open_ = [*[item for item in options if "role" not in item], "--data_capture.s3_uri", "s3://bucket/calls"]
    done = project.run("sagemaker", APP, "double", open_)
    assert (done.returncode, done.stdout) == (0, f"{APP} is running\n"), done.stderr
    assert "Fetched defaults" not in done.stderr
    state = project.handle(APP).state()
    assert state is not None
    account = connect(None, None)
    model = account.call("look", "sagemaker", "describe_model", ModelName=state.records["model"]["name"])
    configured = account.call(
        "look", "sagemaker", "describe_endpoint_config", EndpointConfigName=state.records["endpoint_config"]["name"]
    )
    cost = {
        step: next(tag["Value"] for tag in account.tags(state.records[step]["arn"]) if tag["Key"] == "cost")
        for step in ("model", "endpoint_config", "endpoint")
    }
    assert (model["ExecutionRoleArn"], model["VpcConfig"]) == (
        "arn:aws:iam::123456789012:role/service/mlem-endpoints",
        {"Subnets": ["subnet-9"], "SecurityGroupIds": ["sg-9"]},
    )
    assert (configured["KmsKeyId"], configured["DataCaptureConfig"]["KmsKeyId"]) == ("org-key", "capture-key")
    assert cost == {"model": "m", "endpoint_config": "c", "endpoint": "e"}
    lineage = lineage_of(project)
    assert {"Key": "mlem:lineage", "Value": lineage} in account.tags(state.records["endpoint"]["arn"])


def test_what_is_declared_goes_first(project: Project, config: Path, options: list[str]) -> None:
    deploy(project, "double", [*options, "--env.kms_key=mine", "--env.tags.cost=mine"])
    state = project.handle(APP).state()
    assert state is not None
    account = connect(None, None)
    configured = account.call(
        "look", "sagemaker", "describe_endpoint_config", EndpointConfigName=state.records["endpoint_config"]["name"]
    )
    assert configured["KmsKeyId"] == "mine"
    assert {"Key": "cost", "Value": "mine"} in account.tags(state.records["endpoint"]["arn"])


@pytest.mark.parametrize("content", ["SageMaker: {Model: {Nothing: 1}}\nSchemaVersion: '1.0'\n", "a: [", None])
def test_a_configuration_that_is_wrong_is_named(
    project: Project, config: Path, options: list[str], content: str | None
) -> None:
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    done = project.run("sagemaker", APP, "double", options)
    assert (done.returncode, "bad-sagemaker-config" in done.stderr, "Traceback" in done.stderr) == (2, True, False), (
        done.stderr
    )


def test_without_a_configuration_the_sdk_is_not_loaded(project: Project, options: list[str]) -> None:
    script = (
        "import sys\nfrom mlem.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('sagemaker' in sys.modules)"
    )
    done = project.python("-c", script, "deployment", "run", "sagemaker", APP, "--model", "double", *options)
    assert done.stdout.splitlines() == [f"{APP} is running", "False"], done.stderr
