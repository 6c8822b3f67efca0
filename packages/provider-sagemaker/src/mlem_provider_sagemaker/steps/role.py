"""The role that an endpoint runs as: declared, the organisation's default, or the one that this command runs as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import NotFoundError, UserError
from mlem_provider_sagemaker.records import ModelRecord
from mlem_provider_sagemaker.steps.wanted_records import account_of, defaults_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account
    from mlem_provider_sagemaker.api.defaults import Defaults
    from mlem_provider_sagemaker.deployment import SagemakerContext


class EndpointRole:
    """The role of one operation's endpoint, found once: before the image is built, since a build takes minutes."""

    def __init__(self) -> None:
        self._found: str | None = None

    def arn(self, ctx: SagemakerContext) -> str:
        """Return the role's ARN: that of the release that is put back, or of the same declaration, else AWS's answer.

        Raises:
            NotFoundError: No role has the name.
            UserError: None is declared, and this command runs as a user.
        """
        declared = ctx.env.role
        earlier, recorded = ctx.put_back_of(ModelRecord), ctx.record_of(ModelRecord)
        if earlier:
            return str(earlier.role_arn)
        if recorded and declared and recorded.role == declared:
            return str(recorded.role_arn)
        if self._found is None:
            account = account_of(ctx)
            self._found = role_arn(account, declared, defaults_of(account))
        return self._found


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
    found = account.find(f"find the role {role}", "iam", "get_role", RoleName=role.rpartition("/")[2])
    if found is None:
        hint = "name one that trusts sagemaker.amazonaws.com: --env.role NAME; list them with: aws iam list-roles"
        raise NotFoundError(f"there is no role {role} in this account", code="no-such-role", hint=hint)
    return str(found["Role"]["Arn"])


def _own(account: Account) -> str:
    """Return the name of the role that this command runs as, in SageMaker Studio for instance.

    Source: IAM user guide, "IAM identifiers": ``arn:aws:sts::account:assumed-role/role-name/session-name`` (read
    2026-11).
    """
    identity = str(account.identity["Arn"])
    kind, _, rest = identity.rpartition(":")[2].partition("/")
    name = rest.partition("/")[0]
    if kind != "assumed-role" or name.startswith("AWSReservedSSO_"):  # SageMaker can't assume what SSO gives to people
        raise UserError(
            f"no role is declared for the endpoint, and {identity} is not a role that it could have",
            code="no-role",
            hint="name one: --env.role NAME; or SageMaker.Model.ExecutionRoleArn in the SageMaker SDK's configuration",
        )
    return name
