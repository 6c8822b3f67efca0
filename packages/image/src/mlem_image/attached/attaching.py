"""Making the documents about an image, and pushing them beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib.metadata import version

from mlem import MlemError
from mlem_image.attached.artifact import PROVENANCE_KIND, SBOM_KIND, Artifact, Described
from mlem_image.attached.parts import Parts
from mlem_image.attached.referrers import attach
from mlem_image.cache.cache import Cache
from mlem_image.images.image import Image
from mlem_image.images.plan import Plan
from mlem_image.recipes.options import AttachedOptions
from mlem_image.registry.repository import DOCKER_MANIFEST, MANIFEST, Repository

Artifacts = Mapping[str, Artifact]
"""Documents by their words: ``sbom``, ``provenance``."""


def documents(
    options: AttachedOptions, plan: Plan, image: Image, cache: Cache, name: str, *, docker: bool = False
) -> Artifacts:
    """Make the documents about an image that are wanted.

    Args:
        options: Which are.
        plan: How the image was made.
        image: The image.
        cache: What is known of its packages; it has to be in use since the image was made.
        name: Its name in the registry, without tag.
        docker: Whether its manifest has docker's older form there.
    """
    if not options.sbom and not options.provenance:
        return {}
    subject = Described.of(DOCKER_MANIFEST, image.docker_manifest) if docker else Described.of(MANIFEST, image.manifest)
    from mlem_image.attached.provenance import provenance

    parts, found = Parts.of(plan, cache), {}
    whence = provenance(parts, image, subject, name)
    if options.sbom:
        found["sbom"] = Artifact(SBOM_KIND, _sbom(parts, subject, whence, cache), subject)
    if options.provenance:
        found["provenance"] = Artifact(PROVENANCE_KIND, whence, subject)
    return found


def _sbom(parts: Parts, subject: Described, whence: bytes, cache: Cache) -> bytes:
    """Make the SBOM, or take the one that was made of the same: its library takes longer than the rest together."""
    made_by = f"{version('mlem-image')}/{version('cyclonedx-python-lib')}"
    key = f"{made_by}/{subject.digest}/{hashlib.sha256(whence).hexdigest()}"
    known = cache.fact("sbom", key)
    if isinstance(known, str):
        return known.encode()
    from mlem_image.attached.sbom import sbom

    made = sbom(parts, subject)
    cache.note("sbom", key, made.decode())
    return made


def push_documents(artifacts: Artifacts, repository: Repository, report: Callable[[str], None]) -> dict[str, str]:
    """Push documents beside their image; a registry that takes none does not undo the image.

    Args:
        artifacts: The documents.
        repository: Where the image is.
        report: Called with a line where the registry does not take them.

    Returns:
        The digest of each one's manifest; nothing where the registry does not take them.
    """
    if not artifacts:
        return {}
    try:
        attach(list(artifacts.values()), repository)
    except MlemError as error:
        what = " and ".join({"sbom": "SBOM"}.get(word, word) for word in artifacts)
        report(f"the image is pushed, without its {what}: {error.message}")
        return {}
    return {word: artifact.digest for word, artifact in artifacts.items()}
