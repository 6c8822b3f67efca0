"""This machine as an env."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mlem import Env, UserError


class LocalEnv(Env):
    """This machine; deployments run with the Python and the packages of the command that deploys them."""

    type: ClassVar[str] = "local"
    deployment_type: ClassVar[str] = "local_process"

    folder: Path | None = Field(
        default=None,
        description="folder for the deployed models and the logs "
        "(default: the user's state folder, for example ~/.local/state/mlem)",
    )

    def home(self, lineage: str) -> Path:
        """Return the folder of one deployment.

        Args:
            lineage: The deployment's identity.

        Raises:
            UserError: No folder is named, and the user has no home.
        """
        return self.declared_path(self.folder or _state_folder()).resolve() / "local" / lineage


def _state_folder() -> Path:
    import platformdirs

    try:
        folder = platformdirs.user_state_path("mlem", appauthor=False)
    except RuntimeError:  # newer versions of Python raise this
        folder = Path("~")
    if str(folder).startswith("~"):
        raise UserError(
            "there is no home folder here for deployed models and logs",
            code="no-home",
            hint="name a folder: --env.folder DIR, or export XDG_STATE_HOME=DIR",
        )
    return folder
