"""The repository in ECR and the images in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlem import ConflictError, CredentialsError, MlemError, PlatformError
from mlem_provider_sagemaker.api.aws import Account
from mlem_provider_sagemaker.api.errors import EXISTS, GONE
from mlem_provider_sagemaker.names import mark, owner

_AT_ONCE = 100
"""Source: ECR API reference, BatchDeleteImage: up to 100 images (read 2026-11)."""


def provide(account: Account, name: str, lineage: str, tags: list[dict[str, str]]) -> tuple[str, bool]:
    """Find or make a repository.

    Returns:
        Its URI, and whether this lineage made it.
    """
    found = _repository(account, name)
    if found is None:
        try:
            made = account.call(
                f"create the repository {name}", "ecr", "create_repository", repositoryName=name, tags=tags
            )
            return made["repository"]["repositoryUri"], True
        except ConflictError as error:
            if error.code != EXISTS:
                raise
            found = _repository(
                account, name
            )  # a request that got no answer and was repeated has made it, or somebody else has just now
            if found is None:
                raise
    return found["repositoryUri"], _made(account, found["repositoryArn"], lineage)


def _repository(account: Account, name: str) -> dict[str, Any] | None:
    found = account.find(f"look for the repository {name}", "ecr", "describe_repositories", repositoryNames=[name])
    return found["repositories"][0] if found else None


def _made(account: Account, arn: str, lineage: str) -> bool:
    found = account.find(f"list the tags of {arn}", "ecr", "list_tags_for_resource", resourceArn=arn)
    return found is not None and owner(found["tags"]).lineage == lineage


def remove(account: Account, name: str, lineage: str) -> str | None:
    """Remove a repository that this lineage made, if it is empty.

    Returns:
        Why it stays; None when it is gone.
    """
    found = _repository(account, name)
    if found is None:
        return None
    if not _made(account, found["repositoryArn"], lineage):
        return "it was there before"
    try:
        account.find(f"delete the repository {name}", "ecr", "delete_repository", repositoryName=name)
    except ConflictError as error:
        if error.code != "repository-not-empty":
            raise
        return "it has images of somebody else"
    return None


def login(account: Account) -> Mapping[str, str]:
    """Return credentials for the registry, which are valid for 12 hours.

    Source: ECR API reference, GetAuthorizationToken (read 2026-11).
    """
    data = account.call("log in to ECR", "ecr", "get_authorization_token")["authorizationData"]
    user, _, password = base64.b64decode(data[0]["authorizationToken"]).decode().partition(":")
    if not password:
        raise PlatformError("ECR gave no password", code="registry-refused")
    return {"username": user, "password": password}


def images(account: Account, name: str, lineage: str) -> list[str]:
    """Return the tags of a lineage's images."""
    try:
        found = list(
            account.pages(
                f"list the images in {name}",
                "ecr",
                "list_images",
                "imageIds",
                repositoryName=name,
                filter={"tagStatus": "TAGGED"},
            )
        )
    except MlemError as error:
        if error.code != GONE:
            raise
        return []
    return [item["imageTag"] for item in found if item.get("imageTag", "").endswith(f"-{mark(lineage)}")]


def delete_images(account: Account, name: str, tags: Iterable[str]) -> None:
    """Delete images by their tags, and what is beside those that are gone then; what is gone is fine."""
    wanted = sorted(set(tags))
    ids = [
        *_beside(account, name, wanted),
        *({"imageTag": tag} for tag in wanted),
    ]
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        account.find(f"delete images in {name}", "ecr", "batch_delete_image", repositoryName=name, imageIds=some)


def _beside(account: Account, name: str, tags: Sequence[str]) -> list[dict[str, str]]:
    """Return the ids of what is beside an image that has no other tag than some: its documents, and signatures.

    A document names the image as its subject; signatures are under cosign's tag, which is made from a digest. A
    repository that has some can't be deleted, though no image is in it.
    Source: ECR API reference, ImageDetail, ``subjectManifestDigest`` (read 2026-11).
    """
    if not tags:
        return []
    try:
        what = f"look for what belongs to the images in {name}"
        found = list(account.pages(what, "ecr", "describe_images", "imageDetails", repositoryName=name))
    except MlemError as error:
        if error.code != GONE and not isinstance(error, CredentialsError):  # a policy of before there were any
            raise
        return []
    unnamed = {one["imageDigest"] for one in found if one.get("imageTags") and set(one["imageTags"]) <= set(tags)}
    documents = [one["imageDigest"] for one in found if one.get("subjectManifestDigest") in unnamed]
    signed = {f"{digest.replace(':', '-')}.sig" for digest in (*unnamed, *documents)}
    signatures = [tag for one in found for tag in one.get("imageTags") or () if tag in signed]
    return [*({"imageDigest": digest} for digest in documents), *({"imageTag": tag} for tag in signatures)]
