"""The provenance of an image: what it was made from and by, as a statement of in-toto with a predicate of SLSA.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md; https://slsa.dev/spec/v1.0/provenance
(read 2026-11).
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

from packageurl import PackageURL

from mlem_image.attached.artifact import Described
from mlem_image.attached.parts import Parts
from mlem_image.images.image import Image
from mlem_image.registry.reference import Reference

BUILDER = "pkg:pypi/mlem-image"
BUILD_TYPE = f"{BUILDER}#build-type-1"
"""The README of the package says what the fields mean, under "Build type 1"."""
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_OPTIONS = ("base_image", "python_version", "platform", "mlem_version", "resolution", "accept_version_differences")
"""The options that this builder heeds, beside `packages`; no other has a part in its images."""
_SECRETS = re.compile(r"(?<=://)[^/@\s]+@|[?#]\S*")


def provenance(parts: Parts, made: Image, image: Described, name: str) -> bytes:
    """Return the provenance of an image: the same bytes for the same image and name.

    It has no times, no user and no path of this machine; of packages' addresses neither user nor query.

    Args:
        parts: What it was put together from.
        made: The image.
        image: The same, as it is in the registry.
        name: Its name there, without tag.
    """
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": _digest(image.digest)}],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _external(parts),
                "internalParameters": {
                    "platform": parts.plan.platform,
                    "python": parts.plan.target.python,
                    "compiledBy": made.compiled_by,
                    "deflate": version("deflate"),
                    "server": parts.plan.wanted.recipe.server,
                },
                "resolvedDependencies": [_base(parts), *_packages(parts)],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"mlem-image": version("mlem-image")}},
            },
        },
    }
    return json.dumps(statement, indent=2, sort_keys=True).encode()


def _external(parts: Parts) -> dict[str, Any]:
    wanted = parts.plan.wanted
    options = {
        name: value for name, value in wanted.options.model_dump(mode="json").items() if name in _OPTIONS and value
    }
    packages = [_SECRETS.sub("", package) for package in wanted.options.packages]
    return {
        "model": wanted.model.digest,
        "options": {**options, **({"packages": packages} if packages else {})},
        "labels": dict(sorted(wanted.labels.items())),
    }


def _base(parts: Parts) -> dict[str, Any]:
    base = parts.plan.base
    reference = Reference.parse(base.name)
    purl = PackageURL(
        "oci",
        name=reference.repository.rpartition("/")[2],
        version=base.digest,
        qualifiers={"repository_url": f"{reference.host}/{reference.repository}", "tag": reference.tag},
    )
    return {"name": base.name, "uri": purl.to_string(), "digest": _digest(base.digest)}


def _packages(parts: Parts) -> list[dict[str, Any]]:
    return [
        {
            "name": package.file or package.name,
            "uri": package.purl,
            **({"digest": {"sha256": package.sha256}} if package.sha256 else {}),
            **({"annotations": {"contentSha256": package.content}} if package.content else {}),
        }
        for package in parts.packages
    ]


def _digest(digest: str) -> dict[str, str]:
    kind, _, found = digest.partition(":")
    return {kind: found}
