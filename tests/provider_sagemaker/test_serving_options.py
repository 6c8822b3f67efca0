"""What is declared becomes requests that AWS's own schema accepts."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from mlem_provider_sagemaker.api.aws import connect
from mlem_provider_sagemaker.deployment import SagemakerDeployment
from mlem_provider_sagemaker.serving_options import Autoscaling, UpdatePolicy


@pytest.mark.parametrize("kind", ["all_at_once", "canary", "linear", "rolling"])
def test_every_update_policy_fits_the_schema(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.validate import ParamValidator

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    shape = connect(None, None).client("sagemaker").meta.service_model.operation_model("UpdateEndpoint").input_shape
    policy = UpdatePolicy(kind=kind, alarms=["errors"])
    request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": policy.request()}
    assert ParamValidator().validate(request, shape).generate_report() == ""


def test_the_default_is_one_instance() -> None:
    assert (SagemakerDeployment().on_instances, SagemakerDeployment().instance_count) == ("ml.m5.large", 1)


@pytest.mark.parametrize("field", ["instance_type", "autoscaling", "data_capture", "update_policy", "volume_gib"])
def test_a_serverless_endpoint_has_nothing_of_instances(field: str) -> None:
    values: dict[str, Any] = {
        "instance_type": "ml.m5.large",
        "autoscaling": {"max_instances": 2},
        "data_capture": {"s3_uri": "s3://b"},
        "update_policy": {"kind": "canary"},
        "volume_gib": 10,
    }
    with pytest.raises(ValidationError, match=f"a serverless endpoint has no {field}"):
        SagemakerDeployment.model_validate({"serverless": {}, field: values[field]})


def test_fewest_is_not_above_most() -> None:
    with pytest.raises(ValidationError, match="min_instances 3 is above max_instances 2"):
        Autoscaling(min_instances=3, max_instances=2)


def test_pauses_grow() -> None:
    assert list(islice(SagemakerDeployment().pauses(), 4)) == [30.0, 60.0, 90.0, 90.0]
