"""What there is on the account of a test.

Models, configurations and endpoints with their tags, which moto keeps but in part.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from sagemaker_requests import KINDS, ApiError, Call, arn_of

ROLE = "mlem-endpoints"


class Catalog:
    """What there is.

    Attributes:
        lock: Held while it is changed.
        tags: Tags by ARN.
        models: Names of models by that of a configuration.
        images: Images by a model's name.
        environments: Variables by a model's name.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tags: dict[str, dict[str, str]] = {}
        self.models: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.environments: dict[str, dict[str, str]] = {}

    def keep(self, call: Call) -> None:
        """Keep what a call has made or deleted."""
        for kind in KINDS:
            name = call.body.get(f"{kind}Name", "")
            with self.lock:
                if call.action == f"Create{kind}":
                    self.tags[arn_of(kind, name)] = {tag["Key"]: tag["Value"] for tag in call.body.get("Tags", [])}
                    if kind == "Model":
                        self.images[name] = call.body["PrimaryContainer"]["Image"]
                        self.environments[name] = call.body["PrimaryContainer"].get("Environment", {})
                    if kind == "EndpointConfig":
                        self.models[name] = call.body["ProductionVariants"][0]["ModelName"]
                if call.action == f"Delete{kind}":
                    self.tags.pop(arn_of(kind, name), None)

    def expect_new(self, call: Call) -> None:
        """Refuse what is there already, or lacks what it needs.

        Raises:
            ApiError: As SageMaker says it.
        """
        kind = call.action.removeprefix("Create")
        noun = {"Model": "model", "EndpointConfig": "endpoint configuration"}.get(kind)
        name = call.body.get(f"{kind}Name", "")
        arn = arn_of(kind, name)
        if noun and arn in self.tags:
            raise ApiError("ValidationException", f'Cannot create already existing {noun} "{arn}".')
        if kind == "Model" and not call.body["ExecutionRoleArn"].endswith(f"/{ROLE}"):
            role = call.body["ExecutionRoleArn"]
            raise ApiError(
                "ValidationException",
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role.",
            )
        if kind == "EndpointConfig":
            for variant in call.body["ProductionVariants"]:
                if arn_of("Model", variant["ModelName"]) not in self.tags:
                    raise ApiError(
                        "ValidationException", f'Could not find model "{arn_of("Model", variant["ModelName"])}".'
                    )

    def list_tags(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListTags."""
        if body["ResourceArn"] not in self.tags:
            raise ApiError("ValidationException", f"Could not find {body['ResourceArn']}")
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags[body["ResourceArn"]].items()]}

    def add_tags(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer AddTags."""
        self.tags[body["ResourceArn"]] |= {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return self.list_tags(body)

    def delete_tags(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DeleteTags."""
        for key in body["TagKeys"]:
            self.tags[body["ResourceArn"]].pop(key, None)
        return {}

    def get_resources(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetResources of the tagging API."""
        kinds = tuple(kind.partition(":")[2] for kind in body.get("ResourceTypeFilters", []))
        with self.lock:
            found = [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for arn, tags in self.tags.items()
                if arn.rpartition(":")[2].partition("/")[0] in kinds
                and all(tags.get(wanted["Key"]) in wanted["Values"] for wanted in body["TagFilters"])
            ]
        return {"PaginationToken": "", "ResourceTagMappingList": found}
