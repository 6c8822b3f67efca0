"""`Artifact`: a document about an image, as registries keep it: a manifest that names the image as its subject."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from mlem_image.registry.repository import MANIFEST

SBOM_KIND = "application/vnd.cyclonedx+json"
"""Source: https://cyclonedx.org/specification/overview/, "Registered Media Types" (read 2026-11)."""
PROVENANCE_KIND = "application/vnd.in-toto+json"
"""Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md (read 2026-11)."""
EMPTY = b"{}"
EMPTY_KIND = "application/vnd.oci.empty.v1+json"
"""Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md, "Guidance for an Empty Descriptor"
(read 2026-11)."""


@dataclass(frozen=True)
class Described:
    """What a manifest says of another content.

    Attributes:
        media_type: What it is.
        digest: Its digest, ``sha256:...``.
        size_bytes: Its size.
    """

    media_type: str
    digest: str
    size_bytes: int

    @classmethod
    def of(cls, media_type: str, content: bytes) -> Described:
        """Describe a content."""
        return cls(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))

    @property
    def data(self) -> dict[str, Any]:
        """The same as a manifest has it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


@dataclass(frozen=True)
class Artifact:
    """A document about an image.

    Attributes:
        kind: Its media type.
        content: The document.
        subject: The image.
    """

    kind: str
    content: bytes
    subject: Described

    @property
    def manifest(self) -> bytes:
        """Its manifest, as JSON; the same for the same document and image.

        Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md, "Guidelines for Artifact Usage"
        (read 2026-11).
        """
        whole = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": self.kind,
            "config": Described.of(EMPTY_KIND, EMPTY).data,
            "layers": [Described.of(self.kind, self.content).data],
            "subject": self.subject.data,
        }
        return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()

    @property
    def described(self) -> dict[str, Any]:
        """What a list of an image's documents says of it."""
        return {**Described.of(MANIFEST, self.manifest).data, "artifactType": self.kind}

    @property
    def digest(self) -> str:
        """The digest of its manifest."""
        return Described.of(MANIFEST, self.manifest).digest
