"""The SageMaker provider passes the conformance kit, with real containers behind moto's control plane."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem.testing import (
    CrashSafetySuite,
    DeploymentFixtures,
    DeploymentHandle,
    EveryDaySuite,
    LifeCycleSuite,
    OperationSuite,
    Project,
)
from mlem_provider_sagemaker.api.aws import connect

from .conftest import fields


class SagemakerFixtures(DeploymentFixtures):
    type = "sagemaker"

    @pytest.fixture(autouse=True)
    def _aws(self, aws: Any) -> None:
        self.aws = aws

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.name = re.sub(r"[^a-z0-9]+", "-", f"kit-{os.getpid()}-{tmp_path.name}".lower())[:50].strip("-")
        return {}

    def fields(self) -> Mapping[str, Any]:
        return fields(self.name)

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "instance_count": 2}

    def running(self, lineage: str) -> list[str]:
        self.aws.endpoints.wait()
        found: list[str] = self.aws.endpoints.containers(lineage)
        return found

    def leftovers(self, lineage: str) -> list[str]:
        found: list[str] = self.aws.tagged(lineage)
        return found + self.aws.endpoints.containers(lineage)

    def elsewhere(self, project: Project) -> Project | None:
        # Source: moto, docs/multi_account.rst: whoever assumes a role of another account is in that account (read
        # 2026-11)
        role = "arn:aws:iam::222233334444:role/elsewhere"
        made = connect(None, None).call("assume", "sts", "assume_role", RoleArn=role, RoleSessionName="elsewhere")[
            "Credentials"
        ]
        keys = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
        return replace(project, environment={**project.environment, **keys, "AWS_SESSION_TOKEN": made["SessionToken"]})

    def kill(self, handle: DeploymentHandle) -> None:
        # SageMaker starts what dies there anew; what can happen behind our back is that somebody deletes the endpoint
        connect(None, None).call("delete", "sagemaker", "delete_endpoint", EndpointName=self.name)
        self.aws.endpoints.wait()


class TestLifeCycle(SagemakerFixtures, LifeCycleSuite):
    pass


class TestOperation(SagemakerFixtures, OperationSuite):
    pass


class TestEveryDay(SagemakerFixtures, EveryDaySuite):
    pass


class TestCrashSafety(SagemakerFixtures, CrashSafetySuite):
    pass
