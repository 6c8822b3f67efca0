"""The SageMaker SDK's core. Only this module imports it, and late, because that takes seconds.

Only `run` and `rollback` need it, and only where an organisation has defaults. Its log goes to ``sagemaker``, where
nobody reads it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import DeclarationError
from mlem_provider_sagemaker.api.defaults import Defaults

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account


def organisation_defaults(account: Account) -> Defaults:
    """Read the SDK's configuration files, also those on S3.

    Raises:
        DeclarationError: A file is not there, can't be read, or does not fit the SDK's schema.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # stdout is for results, whatever the SDK prints
        from sagemaker.core.common_utils import get_config_value
        from sagemaker.core.config import config_schema as paths
        from sagemaker.core.config import load_sagemaker_config

        config = _load(load_sagemaker_config, account)

        def value(path: str) -> Any:
            return get_config_value(path, config)

        vpc = value(paths.MODEL_VPC_CONFIG_PATH) or {}
        return Defaults(
            role=value(paths.MODEL_EXECUTION_ROLE_ARN_PATH),
            subnets=vpc.get(paths.SUBNETS, []),
            security_groups=vpc.get(paths.SECURITY_GROUP_IDS, []),
            kms_key=value(paths.ENDPOINT_CONFIG_KMS_KEY_ID_PATH),
            capture_kms_key=value(paths.ENDPOINT_CONFIG_DATA_CAPTURE_KMS_KEY_ID_PATH),
            model_tags=_tags(value(f"{paths.SAGEMAKER}.{paths.MODEL}.{paths.TAGS}")),
            config_tags=_tags(value(f"{paths.SAGEMAKER}.{paths.ENDPOINT_CONFIG}.{paths.TAGS}")),
            endpoint_tags=_tags(value(paths.ENDPOINT_TAGS_PATH)),
        )


def _load(load: Any, account: Account) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError
    from jsonschema.exceptions import ValidationError
    from yaml import YAMLError

    try:
        return load(s3_resource=account.session.resource("s3"))
    except (ValueError, RuntimeError, OSError, YAMLError, ValidationError, BotoCoreError, ClientError) as error:
        text = error.message if isinstance(error, ValidationError) else str(error)
        raise DeclarationError(
            f"the SageMaker SDK's configuration can't be used: {text}",
            code="bad-sagemaker-config",
            hint="check SAGEMAKER_ADMIN_CONFIG_OVERRIDE, SAGEMAKER_USER_CONFIG_OVERRIDE and sagemaker/config.yaml",
        ) from error


def _tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}
