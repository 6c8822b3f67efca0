"""Names and tags: equal declarations and models get equal names, so that a killed run's resources are found again.

Source: SageMaker API reference, CreateEndpoint, EndpointName: up to 63 characters,
``[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}``; Tag: a key has up to 128, a value up to 256 of letters, digits, spaces and ``_ . :
/ = + - @`` (read 2026-11).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlem.provider import Owner

LINEAGE_TAG = "mlem:lineage"
DEPLOYMENT_TAG = "mlem:deployment"
IMAGE_TAG = "mlem:image"
"""On a model: the tag of its image in ECR, which is deleted with the model."""

_LONGEST, _STEM, _MARK = 63, 23, 12


def slug(name: str, longest: int = _LONGEST) -> str:
    """Return a deployment's name in a form that SageMaker accepts: ``apps/iris`` is ``apps-iris``."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-")[:longest].strip("-") or "model"


def endpoint_name(declared: str | None, deployment: str) -> str:
    """Return the name of the endpoint: as declared, else the deployment's."""
    return declared or slug(deployment)


def repository_name(declared: str | None, deployment: str) -> str:
    """Return the name of the repository in ECR: as declared, else one of the deployment's own."""
    return declared or f"mlem/{slug(deployment).lower()}"


def image_tag(lineage: str, tag: str) -> str:
    """Return the tag of an image in ECR; it names the owner, since images have no AWS tags of their own."""
    return f"{tag}-{mark(lineage)}"


def mark(lineage: str) -> str:
    """Return the part of a lineage that is in the names of its resources."""
    return lineage[:_MARK]


def name_of(deployment: str, lineage: str, content: Mapping[str, Any]) -> str:
    """Return the name of a model or an endpoint configuration: equal content, equal name.

    In lower case, as ARNs have it.
    """
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    return f"{slug(deployment, _STEM).lower()}-{mark(lineage)}-{digest[:_MARK]}"


def tags_of(lineage: str, deployment: str, *further: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the tags of a resource, in the form of the API; ours come last, so that others can't replace them."""
    ours = {LINEAGE_TAG: lineage, DEPLOYMENT_TAG: re.sub(r"[^\w .:/=+@-]", "_", deployment)[:256]}
    merged = {key: value for each in further for key, value in each.items()}
    return [{"Key": key, "Value": value} for key, value in {**merged, **ours}.items()]


def owner(tags: Sequence[Mapping[str, str]]) -> Owner:
    """Return whose a resource is, by its tags."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    return Owner(found.get(LINEAGE_TAG), found.get(DEPLOYMENT_TAG))
