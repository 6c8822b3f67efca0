"""`EngineAddress`: which Docker Engine, as fields of an env; and where that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import mlem_image
from mlem_provider_docker.api.endpoint import resolve

if TYPE_CHECKING:
    from mlem_provider_docker.api.endpoint import EngineEndpoint


class EngineAddress(mlem_image.EngineAddress):
    """Which Docker Engine; without a field the one that the docker command uses."""

    def endpoint(self) -> EngineEndpoint:
        """Return the Engine's address.

        Raises:
            NotFoundError: The docker context does not exist.
            DeclarationError: The address can't be used.
        """
        return endpoint_of(self)


def endpoint_of(address: mlem_image.EngineAddress) -> EngineEndpoint:
    """Return the Engine's address; see `EngineAddress.endpoint`."""
    folder = None if address.cert_path is None else address.declared_path(address.cert_path)
    return resolve(address.host, address.context, folder, os.environ, Path(os.path.expanduser("~")))
