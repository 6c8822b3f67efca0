"""Copying an image from one repository to another: what is there already is not sent, and nothing is unpacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError
from mlem_image.attached.referrers import attach, attached
from mlem_image.base.base_image import BlobOf
from mlem_image.cache.cache import Cache
from mlem_image.registry.connecting import connect_as
from mlem_image.registry.reference import Reference
from mlem_image.registry.repository import Repository
from mlem_image.targets.registry import Report, send


def expect_there(name: str, source: str, credentials: Mapping[str, str] | None) -> None:
    """Check that an image can be had that another deployment runs.

    Args:
        name: The image.
        source: The other deployment.
        credentials: See `copy`.

    Raises:
        ConflictError: It can't be had with these credentials, or is gone.
        MlemError: The registry does not answer.
    """
    reference = Reference.parse(name)
    try:
        _repository(reference, credentials).manifest(reference.version, name)
    except (CredentialsError, NotFoundError) as error:
        raise ConflictError(
            f"the image that {source} runs can't be had: {error.message}",
            code="image-out-of-reach",
            hint=f"run {source} again with the credentials of this deployment, then promote it",
        ) from error


def copy(
    name: str, target: str, credentials: Mapping[str, str] | None, report: Report, guard: Callable[[], None]
) -> str:
    """Copy an image; its new name appears in the registry at the very end.

    Args:
        name: The image, by its digest or its tag.
        target: Its new name.
        credentials: ``username`` and ``password`` for both registries; None for docker's own.
        report: Called with lines of progress.
        guard: Called before each action; what it raises ends the work.

    Returns:
        The digest of its manifest.

    Raises:
        ConflictError: It is none that can be copied.
        MlemError: A registry refuses, or does not answer.
    """
    reference, wanted = Reference.parse(name), Reference.parse(target)
    source, repository = _repository(reference, credentials), _repository(wanted, credentials)
    digest, kind, content = source.whole_manifest(reference.version, name)
    _, _, manifest = source.manifest(digest, name)
    try:
        blobs = [_blob(one) for one in (*manifest["layers"], manifest["config"])]
    except (KeyError, TypeError, ValueError) as error:
        raise ConflictError(f"{name} is no image that can be copied: {error!r}", code="bad-image") from error
    cache = Cache()
    with cache.used():
        send(blobs, source, cache, repository, report, guard)
    guard()
    repository.push_manifest(wanted.version, kind, content)
    _copy_documents(source, repository, digest, report)
    return digest


def _copy_documents(source: Repository, target: Repository, digest: str, report: Report) -> None:
    """Copy what is known of an image beside it; where that can't be done, the image stays copied."""
    try:
        documents = list(attached(source, digest))
        if documents:
            attach(documents, target)
    except MlemError as error:
        report(f"the image is copied, without its SBOM and provenance: {error.message}")


def _blob(described: Mapping[str, Any]) -> BlobOf:
    return BlobOf(str(described["digest"]), int(described["size"]), str(described["mediaType"]), "")


def _repository(reference: Reference, credentials: Mapping[str, str] | None) -> Repository:
    return Repository(connect_as(reference, credentials), reference.repository)
