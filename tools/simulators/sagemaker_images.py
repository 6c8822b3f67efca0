"""Amazon ECR for a test: the tags of a repository are those of a real registry."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from sagemaker_requests import ApiError, Moto


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

    def batch_delete_image(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer BatchDeleteImage."""
        deleted, failures = [], []
        for item in body["imageIds"]:
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
        if not body.get("force") and self.tags(body["repositoryName"]):
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
        _, _, content = self._request("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(content or b"{}").get("tags") or [])

    def _digest(self, repository: str, tag: str) -> str | None:
        status_, headers, _ = self._request("HEAD", f"/v2/{repository}/manifests/{tag}")
        return headers.get("Docker-Content-Digest") if status_ == 200 else None

    def _request(self, method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self._registry, timeout=30)
        try:
            connection.request(method, path, headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
