"""The role that an endpoint runs as: declared, the organisation's default, or the one that this command runs as."""

from __future__ import annotations

from mlem.errors import UserError
from mlem_provider_sagemaker.aws import Account
from mlem_provider_sagemaker.defaults import Defaults


def role_arn(account: Account, declared: str | None, defaults: Defaults) -> str:
    """Return the role's ARN.

    Args:
        account: Where it is.
        declared: A name or an ARN; None when the declaration has none.
        defaults: The organisation's.

    Raises:
        NotFoundError: No role has the name.
        UserError: None is declared, and this command runs as a user.
    """
    role = declared or defaults.role or _own(account)
    if role.startswith("arn:"):
        return role
    # a role may have a path, which only IAM knows
    found = account.call(f"find the role {role}", "iam", "get_role", RoleName=role.rpartition("/")[2])
    return str(found["Role"]["Arn"])


def _own(account: Account) -> str:
    """Return the name of the role that this command runs as, in SageMaker Studio for instance.

    Source: IAM user guide, "IAM identifiers": ``arn:aws:sts::account:assumed-role/role-name/session-name`` (read 2026-11).
    """
    identity = str(account.call("find out who this is", "sts", "get_caller_identity")["Arn"])
    kind, _, rest = identity.rpartition(":")[2].partition("/")
    name = rest.partition("/")[0]
    if kind != "assumed-role" or name.startswith("AWSReservedSSO_"):  # SageMaker can't assume what SSO gives to people
        raise UserError(
            f"no role is declared for the endpoint, and {identity} is none that it could have",
            code="no-role",
            hint="name one: --env.role NAME; or SageMaker.Model.ExecutionRoleArn in the SageMaker SDK's configuration",
        )
    return name
