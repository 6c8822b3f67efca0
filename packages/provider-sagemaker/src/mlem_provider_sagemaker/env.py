"""An AWS account's SageMaker as an env."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import Field

from mlem import Env, Value
from mlem.provider import Translation
from mlem_image import EngineAddress


class Vpc(Value):
    """The network that the containers of an endpoint may reach.

    Without subnets it is the organisation's default, or else no network of yours.
    """

    subnets: list[str] = Field(default=[], description="ids of subnets: subnet-0abc")
    security_groups: list[str] = Field(default=[], description="ids of security groups: sg-0abc")


class SagemakerEnv(Env):
    """SageMaker in one region of an AWS account; credentials come from AWS's own chain, and reach no file of mlem."""

    type: ClassVar[str] = "sagemaker"
    deployment_type: ClassVar[str] = "sagemaker"
    secret_variables: ClassVar[tuple[str, ...]] = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

    region: str | None = Field(
        default=None, description="AWS region: eu-west-1 (default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's)"
    )
    profile: str | None = Field(
        default=None, description="profile of ~/.aws/config (default: AWS_PROFILE, or the chain without one)"
    )
    role: str | None = Field(
        default=None,
        description="role that the endpoint runs as, by name or ARN (default: the organisation's default in the "
        "SageMaker SDK's configuration, else the role of this command if it runs as one)",
    )
    ecr_repository: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$",
        description="ECR repository for the images, made if it is missing (default: mlem/<the deployment's name>)",
    )
    vpc: Vpc = Field(default_factory=Vpc, description="network of the containers")
    kms_key: str | None = Field(
        default=None,
        description="KMS key that encrypts the instances' volumes, by id, alias or ARN "
        "(default: the organisation's, else AWS's own)",
    )
    tags: dict[str, str] = Field(default={}, description="further tags of everything that is made")
    engine: EngineAddress = Field(
        default_factory=EngineAddress, description="the Docker Engine that builds the images, with --builder engine"
    )

    def preflight(self) -> Mapping[str, Callable[[], str]]:
        """See `Env.preflight`: AWS knows the credentials, and the role is there."""
        from mlem_provider_sagemaker.api.aws import connect
        from mlem_provider_sagemaker.api.configuration import defaults
        from mlem_provider_sagemaker.steps.role import role_arn

        def account() -> str:
            identity = connect(self.profile, self.region).identity
            return f"account {identity['Account']}, as {identity['Arn']}"

        def role() -> str:
            found = connect(self.profile, self.region)
            return role_arn(found, self.role, defaults(found))

        return {"AWS account": account, "role": role}

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``account`` and ``bucket`` are left out."""
        from mlem_provider_sagemaker.legacy import translate_env

        return translate_env(fields)
