"""The configuration files of the SageMaker SDK, where there are any.

Source: SageMaker Python SDK, "Configuring and using defaults with the SageMaker Python SDK" (read 2026-11):
``config.yaml`` in the administrator's and the user's folder, other places by ``SAGEMAKER_ADMIN_CONFIG_OVERRIDE`` and
``SAGEMAKER_USER_CONFIG_OVERRIDE``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlem_provider_sagemaker.api.defaults import Defaults
from mlem_provider_sagemaker.api.sdk import organisation_defaults

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account

_VARIABLES = ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE")


def defaults(account: Account) -> Defaults:
    """Return the organisation's defaults; the SDK takes seconds to import, and is used only where there is a file.

    Raises:
        DeclarationError: A file is wrong.
    """
    if not _configured():
        return Defaults()
    return organisation_defaults(account)


def _configured() -> bool:
    if any(os.environ.get(name) for name in _VARIABLES):
        return True
    from platformdirs import site_config_dir, user_config_dir

    return any(
        Path(folder, "config.yaml").exists() for folder in (site_config_dir("sagemaker"), user_config_dir("sagemaker"))
    )
