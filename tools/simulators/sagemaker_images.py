"""Amazon ECR for a test: the tags of a repository are those of a real registry.

ECR lists what names an image as its subject by itself; the registry has it in an index under a tag that is made of the
image's digest. So these tags are not shown, and what is in the indexes is.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from typing import Any

from sagemaker_requests import ApiError, Moto

_KINDS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_LIST = re.compile(r"sha256-[0-9a-f]{64}")


class Repositories:
    """Repositories, which moto has, with their images, which a registry has.

    Args:
        moto: Moto.
        registry: The registry, as in an image's name.
    """

    def __init__(self, moto: Moto, registry: str) -> None:
        self._moto = moto
        self._registry = registry

    def list_images(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListImages."""
        name = body["repositoryName"]
        self._moto.ask("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", repositoryNames=[name])
        return {"imageIds": [{"imageTag": tag} for tag in self.tags(name)]}

    def describe_images(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeImages."""
        name = body["repositoryName"]
        self._moto.ask("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", repositoryNames=[name])
        tagged: dict[str | None, list[str]] = {}
        for tag in self.tags(name):
            tagged.setdefault(self._digest(name, tag), []).append(tag)
        images = [{"imageDigest": digest, "imageTags": tags} for digest, tags in tagged.items() if digest]
        documents = [
            {"imageDigest": digest, "subjectManifestDigest": subject}
            for digest, subject in self.documents(name).items()
        ]
        return {"imageDetails": [*images, *documents]}

    def batch_delete_image(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer BatchDeleteImage."""
        deleted, failures = [], []
        for item in body["imageIds"]:
            if "imageTag" not in item:
                self._request("DELETE", f"/v2/{body['repositoryName']}/manifests/{item['imageDigest']}")
                deleted.append(item)
                continue
            digest = self._digest(body["repositoryName"], item["imageTag"])
            if digest is None:
                failures.append(
                    {"imageId": item, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                )
                continue
            others = [
                tag for tag in self.tags(body["repositoryName"]) if self._digest(body["repositoryName"], tag) == digest
            ]
            if others == [item["imageTag"]]:
                self._request("DELETE", f"/v2/{body['repositoryName']}/manifests/{digest}")
            deleted.append(item)
        return {"imageIds": deleted, "failures": failures}

    def delete_repository(self, body: Mapping[str, Any]) -> None:
        """Refuse DeleteRepository of one that has images, unless told; moto carries it out.

        Raises:
            ApiError: It has some.
        """
        name = body["repositoryName"]
        if not body.get("force") and (self.tags(name) or self.documents(name)):
            raise ApiError(
                "RepositoryNotEmptyException",
                f"The repository with name '{body['repositoryName']}' cannot be deleted "
                "because it still contains images",
            )

    def names(self) -> set[str]:
        """Return the names of all repositories."""
        found = self._moto.ask("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")
        return {repository["repositoryName"] for repository in found["repositories"]}

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository's images."""
        return [tag for tag in self._all_tags(repository) if not _LIST.fullmatch(tag)]

    def documents(self, repository: str) -> dict[str, str]:
        """Return the digests of what names an image as its subject, with the image's."""
        found = {}
        for tag in filter(_LIST.fullmatch, self._all_tags(repository)):
            _, _, content = self._request("GET", f"/v2/{repository}/manifests/{tag}")
            for one in json.loads(content).get("manifests", ()):
                if self._digest(repository, one["digest"]) is not None:
                    found[one["digest"]] = tag.replace("-", ":")
        return found

    def _all_tags(self, repository: str) -> list[str]:
        _, _, content = self._request("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(content or b"{}").get("tags") or [])

    def _digest(self, repository: str, tag: str) -> str | None:
        status_, headers, _ = self._request("HEAD", f"/v2/{repository}/manifests/{tag}")
        return headers.get("Docker-Content-Digest") if status_ == 200 else None

    def _request(self, method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self._registry, timeout=30)
        try:
            connection.request(method, path, headers={"Accept": ", ".join(_KINDS)})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
