"""Signing what is in a registry, so that cosign can verify it.

Source: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md (read 2026-11).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from mlem import ConflictError, NotFoundError
from mlem_image.attached.referrers import send
from mlem_image.registry.repository import CONFIG, MANIFEST, Repository
from mlem_image.signing.key import Key

_KIND = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_NEVER = "0001-01-01T00:00:00Z"
"""The time that cosign gives to signatures."""
_MOST = 1000
"""So many signatures at most are kept beside a new one."""


def signed(repository: Repository, digests: Sequence[str], key: Key) -> str:
    """Sign manifests, each under a tag of its own; return the name of the first one's signatures.

    Args:
        repository: Where they are.
        digests: Their digests: an image's, then those of the documents beside it.
        key: The key.

    Raises:
        MlemError: See `sign`.
    """
    tags = [sign(repository, digest, key) for digest in digests]
    return f"{repository.host}/{repository.name}:{tags[0]}"


def sign(repository: Repository, digest: str, key: Key) -> str:
    """Sign a manifest, and push the signature beside those that others have made.

    Args:
        repository: Where the manifest is.
        digest: Its digest.
        key: The key. Where it has signed the manifest before, nothing is pushed.

    Returns:
        The tag under which the signatures are.

    Raises:
        ConflictError: Something else is in their place.
        MlemError: The registry refuses, or does not answer.
    """
    tag = f"{digest.replace(':', '-')}.sig"
    layers = _signatures(repository, tag)
    payload = _payload(repository, digest)
    described = send(repository, _KIND, payload)
    if any(_is_ours(one, described.digest, payload, key) for one in layers):
        return tag
    signature = base64.b64encode(key.sign(payload)).decode("ascii")
    layers = [*layers, {**described.data, "annotations": {_SIGNATURE: signature}}]
    config = {
        "architecture": "",
        "config": {},
        "created": _NEVER,
        "history": [{"created": _NEVER} for _ in layers],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": send(repository, CONFIG, json.dumps(config, separators=(",", ":")).encode()).data,
        "layers": layers,
    }
    repository.push_manifest(tag, MANIFEST, json.dumps(manifest, separators=(",", ":")).encode())
    return tag


def _payload(repository: Repository, digest: str) -> bytes:
    """Return what is signed. Source: the same, "Simple Signing"."""
    whole = {
        "critical": {
            "identity": {"docker-reference": f"{repository.host}/{repository.name}"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _signatures(repository: Repository, tag: str) -> list[dict[str, Any]]:
    shown = f"{repository.host}/{repository.name}:{tag}"
    try:
        _, kind, manifest = repository.manifest(tag, shown)
    except NotFoundError:
        return []
    layers = manifest.get("layers")
    if (
        kind != MANIFEST
        or not isinstance(layers, list)
        or len(layers) > _MOST
        or not all(isinstance(one, dict) and isinstance(one.get("digest"), str) for one in layers)
    ):
        raise ConflictError(f"{shown} has no signatures, but something else", code="bad-image")
    return layers


def _is_ours(layer: dict[str, Any], digest: str, payload: bytes, key: Key) -> bool:
    annotations = layer.get("annotations")
    said = annotations.get(_SIGNATURE) if isinstance(annotations, dict) else None
    if layer["digest"] != digest or not isinstance(said, str):
        return False
    try:
        return key.has_signed(payload, base64.b64decode(said))
    except (binascii.Error, ValueError):
        return False
