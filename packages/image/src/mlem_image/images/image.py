"""`Image`: a finished image: layers of its base, layers of ours, configuration and manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlem_image.base.base_image import BaseImage, BlobOf
from mlem_image.layers.layer import Layer
from mlem_image.layout import (
    ENTRY_POINT,
    HEALTH_INTERVAL_S,
    HEALTH_START_S,
    HEALTH_TIMEOUT_S,
    PORT,
    PROBE,
    USER,
    VARIABLES,
    VENV,
)
from mlem_image.registry.repository import CONFIG, DOCKER_MANIFEST, MANIFEST

CREATED = "1970-01-01T00:00:00Z"
"""The same for all: what is in an image tells it from others, not when it was made."""
_OCI_KINDS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NS = 10**9


@dataclass(frozen=True)
class Image:
    """An image.

    Attributes:
        base: What it starts from.
        layers: The layers on top of that.
        labels: Its labels.
        compiled_by: The version of the Python that compiled its modules; empty where none did.
    """

    base: BaseImage
    layers: tuple[Layer, ...]
    labels: Mapping[str, str]
    compiled_by: str = ""

    @property
    def all_layers(self) -> Sequence[BlobOf | Layer]:
        """Its layers, the lowest first."""
        return [*self.base.layers, *self.layers]

    @cached_property
    def config(self) -> bytes:
        """Its configuration, as JSON.

        Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md; ``Healthcheck`` is docker's:
        https://github.com/moby/docker-image-spec/blob/main/spec.md (read 2026-11).
        """
        base = self.base.config
        theirs: Mapping[str, Any] = base.get("config") or {}
        variables = {
            **self.base.variables,
            "PATH": f"{VENV}/bin:{self.base.variables.get('PATH', _PATH)}",
            **VARIABLES,
        }
        config = {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {f"{PORT}/tcp": {}},
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Entrypoint": list(ENTRY_POINT),
            "WorkingDir": "/tmp",  # noqa: S108  # the only folder that a read-only root has room in
            "Labels": dict(sorted({**(theirs.get("Labels") or {}), **self.labels}.items())),
            "Healthcheck": {
                "Test": ["CMD", f"{VENV}/bin/python", "-I", "-S", "-c", PROBE],
                "Interval": HEALTH_INTERVAL_S * _NS,
                "Timeout": HEALTH_TIMEOUT_S * _NS,
                "StartPeriod": HEALTH_START_S * _NS,
            },
            **{name: theirs[name] for name in ("StopSignal",) if theirs.get(name)},
        }
        history = [
            *(base.get("history") or ({"created": CREATED} for _ in self.base.layers)),
            *({"created": CREATED, "created_by": f"mlem: {layer.what}"} for layer in self.layers),
        ]
        whole = {
            "created": CREATED,
            "architecture": base["architecture"],
            "os": base["os"],
            **({"variant": base["variant"]} if base.get("variant") else {}),
            "config": config,
            "rootfs": {
                "type": "layers",
                "diff_ids": [layer.diff_id for layer in self.all_layers],
            },
            "history": history,
        }
        return _written(whole)

    @cached_property
    def config_digest(self) -> str:
        """The digest of the configuration: an Engine's id of the image."""
        return f"sha256:{hashlib.sha256(self.config).hexdigest()}"

    @cached_property
    def manifest(self) -> bytes:
        """Its manifest, as JSON."""
        return _written(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": self.config_digest, "size": len(self.config)},
                "layers": [
                    {
                        "mediaType": _OCI_KINDS.get(layer.media_type, layer.media_type),
                        "digest": layer.digest,
                        "size": layer.size_bytes,
                    }
                    for layer in self.all_layers
                ],
            }
        )

    @cached_property
    def docker_manifest(self) -> bytes:
        """Its manifest in docker's older form, for platforms that know no other.

        Source: https://distribution.github.io/distribution/spec/manifest-v2-2/ (read 2026-11).
        """
        ours: dict[str, Any] = json.loads(self.manifest)
        ours["mediaType"] = DOCKER_MANIFEST
        ours["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
        theirs = {oci: docker for docker, oci in _OCI_KINDS.items()}
        for layer in ours["layers"]:
            layer["mediaType"] = theirs.get(layer["mediaType"], layer["mediaType"])
        return _written(ours)

    @cached_property
    def digest(self) -> str:
        """The digest of the manifest."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


def _written(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
