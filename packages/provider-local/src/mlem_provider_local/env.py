"""This machine as an env."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mlem.env import Env


class LocalEnv(Env):
    """This machine; the deployment runs with the Python and the packages of the command that deploys it."""

    type: ClassVar[str] = "local"
    deployment_type: ClassVar[str] = "local_process"

    folder: Path | None = Field(
        default=None,
        description="folder for the deployed models and the logs (default: the user's state folder, for example ~/.local/state/mlem)",
    )

    def home(self, lineage: str) -> Path:
        """Return the folder of one deployment.

        Args:
            lineage: The deployment's identity.
        """
        import platformdirs

        return (self.folder or platformdirs.user_state_path("mlem", appauthor=False)).expanduser().resolve() / "local" / lineage
