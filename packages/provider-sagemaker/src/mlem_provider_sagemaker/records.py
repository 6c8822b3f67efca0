"""The records of the steps: the repository, the model in SageMaker, the endpoint, its configuration and its scaling.

The image has the record of `mlem_image.PushedImageStep`. A region of None is the default region of the
credentials.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from mlem import Record

IN_PLACE = "in place"
"""The situation of an endpoint that serves what it should serve."""


class RepositoryRecord(Record):
    """The repository in ECR.

    Attributes:
        repository: Its name.
        region: Where it is.
        uri: The start of its images' names.
        made: Whether this deployment made it.
    """

    step: ClassVar[str] = "repository"

    repository: str = ""
    region: str | None = None
    uri: str = ""
    made: bool = True


class ModelRecord(Record):
    """The model in SageMaker.

    Attributes:
        image: The tag of its image; None while no model is at hand.
        repository: The name of the repository that has the image.
        role: The role that is declared; None for the default.
        subnets: The subnets that are declared.
        security_groups: The security groups that are declared.
        environment: The variables of its containers.
        serverless: Whether it is for a serverless endpoint.
        tags: The tags that are declared.
        region: Where it is.
        name: Its name; None with the image.
        arn: Its ARN.
        role_arn: The role that it has.
        vpc: The network that it has, as SageMaker's request names it.
        adopted: Who made it, where it was not us.
    """

    step: ClassVar[str] = "model"

    image: str | None = None
    repository: str = ""
    role: str | None = None
    subnets: list[str] = []
    security_groups: list[str] = []
    environment: dict[str, str] = {}
    serverless: bool | None = None
    tags: dict[str, str] = {}
    region: str | None = None
    name: str | None = None
    arn: str = ""
    role_arn: str | None = None
    vpc: dict[str, list[str]] | None = None
    adopted: str | None = None


class ServerlessPart(BaseModel):
    """How a configuration is serverless; see `Serverless`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    memory_mib: int = 0
    max_concurrency: int = 0
    provisioned_concurrency: int | None = None


class CapturePart(BaseModel):
    """Which calls are recorded, and how; see `DataCapture`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    s3_uri: str = ""
    sampling_percent: int = 0


class EndpointConfigRecord(Record):
    """The endpoint's configuration.

    Attributes:
        model: The name of the model; None while no model is at hand.
        instance_type: The type of the instances; None for serverless.
        instance_count: Their number; None for serverless.
        serverless: How it is serverless; None on instances.
        data_capture: How calls are recorded; None for not at all.
        volume_gib: The size of each instance's volume; None for SageMaker's.
        startup_timeout_s: The time that a container has until it is healthy; None for SageMaker's.
        kms_key: The key that is declared.
        tags: The tags that are declared.
        region: Where it is.
        name: Its name; None with the model.
        arn: Its ARN.
        kms_key_used: The key that it has.
        adopted: Who made it, where it was not us.
    """

    step: ClassVar[str] = "endpoint_config"

    model: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    serverless: ServerlessPart | None = None
    data_capture: CapturePart | None = None
    volume_gib: int | None = None
    startup_timeout_s: int | None = None
    kms_key: str | None = None
    tags: dict[str, str] = {}
    region: str | None = None
    name: str | None = None
    arn: str = ""
    kms_key_used: str | None = None
    adopted: str | None = None


class EndpointRecord(Record):
    """The endpoint.

    Attributes:
        endpoint: Its name.
        config: The name of its configuration; None while no model is at hand.
        instance_type: The type of the instances; None for serverless.
        tags: The tags that are declared.
        region: Where it is.
        situation: How it differs from what it should be; ``in place`` when it does not.
        arn: Its ARN.
        adopted: Who made it, where it was not us.
    """

    step: ClassVar[str] = "endpoint"

    endpoint: str = ""
    config: str | None = None
    instance_type: str | None = None
    tags: dict[str, str] = {}
    region: str | None = None
    situation: str = ""
    arn: str = ""
    adopted: str | None = None


class AutoscalingRecord(Record):
    """How the number of instances follows the calls; see `Autoscaling`.

    Attributes:
        endpoint: The endpoint that scales.
        config: The configuration with which it was registered; None while no model is at hand.
        region: Where it is.
    """

    step: ClassVar[str] = "autoscaling"

    endpoint: str = ""
    config: str | None = None
    region: str | None = None
    min_instances: int = 0
    max_instances: int = 0
    target_invocations: float = 0.0
