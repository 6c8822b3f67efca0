"""What a context declares: the deployment, the env with its account, and the names that users see."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mlem import Context, Record
from mlem.provider import differences
from mlem_provider_sagemaker.names import slug

if TYPE_CHECKING:
    from mlem_provider_sagemaker.aws import Account
    from mlem_provider_sagemaker.defaults import Defaults
    from mlem_provider_sagemaker.deployment import SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv


def deployment_of(ctx: Context) -> SagemakerDeployment:
    """Return the declaration."""
    return cast("SagemakerDeployment", ctx.deployment)


def env_of(ctx: Context) -> SagemakerEnv:
    """Return the env."""
    return cast("SagemakerEnv", ctx.env)


def account_of(ctx: Context, record: Record | None = None) -> Account:
    """Return the account, in the region of a record or of the env."""
    from mlem_provider_sagemaker.aws import connect

    return connect(env_of(ctx).profile, record["region"] if record else env_of(ctx).region)


def defaults_of(account: Account) -> Defaults:
    """Return the organisation's defaults."""
    from mlem_provider_sagemaker.defaults import defaults

    return defaults(account)


def endpoint_name(ctx: Context) -> str:
    """Return the name of the endpoint."""
    return deployment_of(ctx).endpoint_name or slug(ctx.name)


def repository_name(ctx: Context) -> str:
    """Return the name of the repository in ECR."""
    return env_of(ctx).ecr_repository or f"mlem/{slug(ctx.name).lower()}"


def reason_of(recorded: Record, wanted: Record) -> str:
    """Say what differs, without the names that follow from it."""
    telling = {key: value for key, value in wanted.items() if key not in ("name", "model", "config")}
    return differences(recorded, telling) or "another model"
