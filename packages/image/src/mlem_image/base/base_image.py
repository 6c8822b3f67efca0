"""`BaseImage`: the image to start from, as its registry has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlem import ConflictError, DeclarationError, NotFoundError
from mlem_image.registry.content import Moved
from mlem_image.registry.http import Connection
from mlem_image.registry.reference import Reference, mirrored
from mlem_image.registry.repository import DOCKER_INDEX, INDEX, Repository

_CONFIG_BYTES = 4 * 2**20
_MOST_LAYERS = 127
_ANNOTATED = "vnd.docker.reference.type"


@dataclass(frozen=True)
class BlobOf:
    """A packed layer in a registry.

    Attributes:
        digest: Its digest.
        size_bytes: Its size.
        media_type: How it is packed.
        diff_id: The digest of the archive in it.
    """

    digest: str
    size_bytes: int
    media_type: str
    diff_id: str


class Source(Protocol):
    """Where the layers of an image are.

    Attributes:
        host: The registry; empty for none.
        name: The image's name there.
    """

    host: str
    name: str

    def stream(self, digest: str, size_bytes: int, moved: Moved = ...) -> Iterator[bytes]:
        """Yield the content of a layer, part by part."""


@dataclass(frozen=True)
class BaseImage:
    """One of them, for one platform.

    Attributes:
        name: What the user calls it.
        digest: The digest of its manifest.
        repository: Where it is.
        config: Its configuration.
        layers: Its layers, the lowest first.
    """

    name: str
    digest: str
    repository: Source
    config: Mapping[str, Any]
    layers: tuple[BlobOf, ...]

    @classmethod
    def find(cls, name: str, platform: str, connect: Any) -> BaseImage:
        """Ask a registry for an image.

        Args:
            name: The image.
            platform: The platform: ``linux/amd64``.
            connect: Makes a `Connection` to the registry of a `Reference`.

        Raises:
            NotFoundError: There is none of that name, or none for the platform.
            DeclarationError: It is for another platform.
            MlemError: The registry refuses, or does not answer.
        """
        reference = mirrored(Reference.parse(name))
        connection: Connection = connect(reference)
        repository = Repository(connection, reference.repository)
        digest, kind, manifest = repository.manifest(reference.version, name)
        if kind in (INDEX, DOCKER_INDEX):
            digest, kind, manifest = repository.manifest(_of_platform(manifest, platform, name), name)
        try:
            config = json.loads(repository.read(manifest["config"]["digest"], _CONFIG_BYTES))
            diff_ids = config["rootfs"]["diff_ids"]
            layers = tuple(
                BlobOf(str(layer["digest"]), int(layer["size"]), str(layer["mediaType"]), str(diff_id))
                for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConflictError(f"{name} is no image that can be built on: {error!r}", code="bad-image") from error
        found = f"{config.get('os')}/{config.get('architecture')}"
        if found != platform:
            raise DeclarationError(
                f"{name} is for {found}, and the image is to be for {platform}",
                code="bad-platform",
                hint=f"another base image: --base_image, or --platform {found}",
            )
        if len(layers) > _MOST_LAYERS:
            raise ConflictError(f"{name} has {len(layers)} layers", code="too-many-layers")
        return cls(name, digest, repository, config, layers)

    @property
    def platform(self) -> str:
        """Its platform: ``linux/amd64``."""
        return f"{self.config.get('os')}/{self.config.get('architecture')}"

    @property
    def variables(self) -> dict[str, str]:
        """Its environment."""
        lines = (self.config.get("config") or {}).get("Env") or ()
        return dict(line.partition("=")[::2] for line in lines if isinstance(line, str) and "=" in line)


def _of_platform(index: Mapping[str, Any], platform: str, name: str) -> str:
    """Return the digest of the manifest for a platform: the first that fits, as docker does."""
    known = []
    for one in index.get("manifests") or ():
        found = one.get("platform") or {}
        words = f"{found.get('os')}/{found.get('architecture')}"
        if _ANNOTATED in (one.get("annotations") or {}) or found.get("os") == "unknown":
            continue
        if words == platform:
            return str(one["digest"])
        known.append(words)
    raise NotFoundError(f"{name} has no image for {platform}", code="bad-platform", known=sorted(set(known)))
