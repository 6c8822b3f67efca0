"""Images in the registry: found by id, and copied for the simulator's own use."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlem import PlatformError
from mlem_heroku_simulator.dynos.dyno import SIMULATOR_LABEL

if TYPE_CHECKING:
    from mlem_provider_docker import Engine

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
"""The only kind of manifest that Heroku's registry takes. Source: Dev Center, "Container Registry & Runtime", section
"Known issues and limitations" (read 2026-11)."""


class Registry:
    """A registry that stands in for Heroku's, and the Engine that runs its images.

    Args:
        host: The registry: ``127.0.0.1:5000``.
        engine: The Engine.
        simulator: The simulator's id, a label of its copies.

    Raises:
        PlatformError: No registry answers there.
    """

    def __init__(self, host: str, engine: Engine, simulator: str) -> None:
        self._host, self._engine, self._simulator = host, engine, simulator
        try:
            reason = None if self._get("") is not None else "/v2/ is not there"
        except (OSError, ValueError) as error:
            reason = str(error)
        if reason is not None:
            hint = f"start one: docker run -d -p {host}:5000 registry:2"
            raise PlatformError(f"no registry answers at {host}: {reason}", code="no-registry", hint=hint)

    def find(self, repositories: Sequence[str], image_id: str) -> str | None:
        """Return the name of the image with an id in one of some repositories.

        The result is None when it was not pushed.
        """
        for repository in repositories:
            for tag in (self._get(f"{repository}/tags/list") or {}).get("tags") or []:
                manifest = self._get(f"{repository}/manifests/{tag}")
                if manifest is not None and manifest.get("config", {}).get("digest") == image_id:
                    return f"{self._host}/{repository}:{tag}"
        return None

    def copy(self, name: str, image_id: str) -> str:
        """Pull an image and return the name of a copy without its labels.

        As at Heroku, the platform's image is another one than the Engine's: who built it may delete it.
        """
        before = self._engine.image(name)
        _finish(self._engine.pull(name))
        found = self._engine.image(name)
        labels = {
            label: "" for label in ((found or {}).get("Config", {}).get("Labels") or {}) if label.startswith("mlem.")
        }
        labels[SIMULATOR_LABEL] = self._simulator
        copy = f"mlem-heroku-simulator/{self._simulator}:{image_id.removeprefix('sha256:')[:24]}"
        text = (
            f"FROM {name}\nLABEL "
            + " ".join(f"{json.dumps(key)}={json.dumps(value)}" for key, value in labels.items())
            + "\n"
        )
        _finish(self._engine.build(_context(text), copy, [name]))
        if before is None:
            self._engine.remove_image(name)
        return copy

    def remove(self, copy: str) -> None:
        """Remove a copy."""
        self._engine.remove_image(copy)

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://{self._host}/v2/{path}", headers={"Accept": _MANIFEST}
        )  # on this machine
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # the address is that of the test's registry
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


def _context(dockerfile: str) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile.encode())
        archive.addfile(entry, io.BytesIO(dockerfile.encode()))
    yield buffer.getvalue()


def _finish(messages: Iterator[dict[str, Any]]) -> None:
    for message in messages:
        if "error" in message:
            raise PlatformError(f"the simulator: {message['error']}")
