"""The SageMaker provider passes the conformance kit, with real containers behind moto's control plane."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.testing import (
    BrokenKind,
    CrashSafetySuite,
    DeclarationSuite,
    DeploymentFixtures,
    DeploymentHandle,
    EveryDaySuite,
    FailureSuite,
    LifeCycleSuite,
    LogSuite,
    NeighbourSuite,
    OperationSuite,
    PackagingSuite,
    Project,
)
from mlem_provider_sagemaker.api.aws import connect

from .conftest import fields


class SagemakerFixtures(DeploymentFixtures):
    type = "sagemaker"
    further_credentials = ("AWS_ACCESS_KEY_ID",)
    lacks: ClassVar[Mapping[str, str]] = {
        "passing": "an endpoint has the variables of its declaration, which are no secrets",
        "copies": "nothing inherits the tags of an endpoint",
        "tokens": "AWS asks callers for a signature in the place of a token",
        "wrong_credentials": "moto accepts every key",
        "slow": "moto answers at once",
        "silent": "botocore waits for a minute, several times",
    }

    @pytest.fixture(autouse=True)
    def _aws(self, aws: Any) -> None:
        self.aws = aws

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.name = re.sub(r"[^a-z0-9]+", "-", f"kit-{os.getpid()}-{tmp_path.name}".lower())[:50].strip("-")
        return {}

    def fields(self) -> Mapping[str, Any]:
        return fields(self.name)

    def unnamed_fields(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.fields().items() if key != "endpoint_name"}

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        done = project.run(self.type, "theirs", "triple", self.fields())
        assert done.returncode == 0, done.stderr
        state, account = project.handle("theirs").state(), connect(None, None)
        assert state is not None
        arns = [state.records[step]["arn"] for step in ("model", "endpoint_config", "endpoint")]
        marks = {arn: account.call("look", "sagemaker", "list_tags", ResourceArn=arn)["Tags"] for arn in arns}
        for arn, tags in marks.items():
            account.call("untag", "sagemaker", "delete_tags", ResourceArn=arn, TagKeys=[tag["Key"] for tag in tags])

        def described() -> Sequence[str]:
            found = account.find("look", "sagemaker", "describe_endpoint", EndpointName=self.name)
            return [] if found is None else [found["EndpointArn"], found["EndpointConfigName"], found["EndpointStatus"]]

        yield described
        for arn, tags in marks.items():
            account.call("tag", "sagemaker", "add_tags", ResourceArn=arn, Tags=tags)

    @contextmanager
    def broken(self, kind: BrokenKind) -> Iterator[None]:
        self.aws.faults = dict.fromkeys(range(1, 1000), "500")
        yield
        self.aws.faults = {}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "instance_count": 2}

    def running(self, lineage: str) -> list[str]:
        self.aws.endpoints.wait()
        found: list[str] = self.aws.endpoints.containers(lineage)
        return found

    def leftovers(self, lineage: str) -> list[str]:
        found: list[str] = self.aws.tagged(lineage)
        return found + self.aws.endpoints.containers(lineage)

    def elsewhere(self, project: Project) -> Project:
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


class TestDeclaration(SagemakerFixtures, DeclarationSuite):
    pass


class TestNeighbours(SagemakerFixtures, NeighbourSuite):
    pass


class TestFailures(SagemakerFixtures, FailureSuite):
    pass


class TestLogs(SagemakerFixtures, LogSuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-sagemaker"
    sdk = ("boto3", "botocore", "docker")


class TestCrashSafety(SagemakerFixtures, CrashSafetySuite):
    pass
