"""Attaching documents to an image in a registry, so that whoever has the image finds them.

A registry that lists what has an image as its subject says so; for one that does not, the list is an index under a tag
that is made from the image's digest, and is kept by those who push.
Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Pushing Manifests with Subject" and
"Referrers Tag Schema" (read 2026-11).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from mlem import ConflictError, NotFoundError
from mlem_image.attached.artifact import EMPTY, EMPTY_KIND, PROVENANCE_KIND, SBOM_KIND, Artifact, Described
from mlem_image.registry.repository import INDEX, Repository

_MOST_BYTES = 16 * 2**20
"""No document is larger."""
_ATTEMPTS = 5
"""So often an index is written that others write at the same time."""


def attach(artifacts: Sequence[Artifact], repository: Repository) -> None:
    """Push documents about one image, which is there.

    Args:
        artifacts: The documents.
        repository: Where the image is.

    Raises:
        ConflictError: What is in the place of the image's list is none, or others write it all the time.
        MlemError: The registry refuses, or does not answer.
    """
    unlisted = []
    for artifact in artifacts:
        send(repository, EMPTY_KIND, EMPTY)
        send(repository, artifact.kind, artifact.content)
        if not repository.push_referrer(artifact.manifest):
            unlisted.append(artifact)
    if unlisted:
        _list(unlisted, repository)


def attached(repository: Repository, digest: str) -> Iterator[Artifact]:
    """Yield the documents of ours about an image.

    Args:
        repository: Where it is.
        digest: The digest of its manifest.

    Raises:
        ConflictError: What is in the place of the image's list is none.
        MlemError: The registry refuses, or does not answer.
    """
    listed = repository.referrers(digest)
    for one in _listed(repository, digest.replace(":", "-")) if listed is None else listed:
        size = one.get("size")
        if one.get("artifactType") in (SBOM_KIND, PROVENANCE_KIND) and isinstance(size, int):
            found = _document(repository, str(one.get("digest")))
            if found is not None and found.subject.digest == digest:
                yield found


def _document(repository: Repository, digest: str) -> Artifact | None:
    """Read a document; None where it is not in the form that ours have."""
    _, _, manifest = repository.manifest(digest, f"{repository.host}/{repository.name}@{digest}")
    try:
        (layer,), subject = manifest["layers"], manifest["subject"]
        kind, size = str(layer["mediaType"]), int(layer["size"])
        described = Described(str(subject["mediaType"]), str(subject["digest"]), int(subject["size"]))
        content = repository.read(str(layer["digest"]), size) if size <= _MOST_BYTES else b""
    except (KeyError, TypeError, ValueError):
        return None
    found = Artifact(kind, content, described)
    return found if found.digest == digest else None


def send(repository: Repository, kind: str, content: bytes) -> Described:
    """Push a small blob where it is not there, and describe it."""
    described = Described.of(kind, content)
    if not repository.has(described.digest):
        repository.push(
            described.digest, len(content), lambda offset: io.BytesIO(content[offset:]), lambda _bytes: None
        )
    return described


def _list(artifacts: Sequence[Artifact], repository: Repository) -> None:
    tag = artifacts[0].subject.digest.replace(":", "-")
    for _ in range(_ATTEMPTS):
        listed = _listed(repository, tag)
        known = {one.get("digest") for one in listed}
        missing = [artifact.described for artifact in artifacts if artifact.digest not in known]
        if not missing:
            return  # also what was just written is looked at: another one may have written at the same time
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *missing]}
        repository.push_manifest(tag, INDEX, json.dumps(index, separators=(",", ":")).encode())
    raise ConflictError(f"others change the list {tag} all the time", code="busy", hint="repeat the command")


def _listed(repository: Repository, tag: str) -> list[dict[str, Any]]:
    try:
        _, kind, index = repository.manifest(tag, f"{repository.host}/{repository.name}:{tag}")
    except NotFoundError:
        return []
    listed = index.get("manifests")
    if kind != INDEX or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ConflictError(
            f"{repository.host}/{repository.name}:{tag} is no list of what belongs to an image", code="bad-image"
        )
    return listed
