"""A provider with a fault, which the variable ``FAULT`` names; without it, as good as the one that it is made of."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mlem import ConflictError, Context, Place, Step, hookimpl
from mlem_provider_local import process
from mlem_provider_local.deployment import LocalProcess
from mlem_provider_local.env import LocalEnv
from mlem_provider_local.records import ProcessRecord
from mlem_provider_local.steps import ModelStep, ProcessStep

api_version = 1


def fault() -> str:
    return os.environ.get("FAULT", "")


if fault() == "takes copies for its own":
    process._writes_log = lambda _pid, _lineage: True


class FaultyEnv(LocalEnv):
    type: ClassVar[str] = "faulty"
    deployment_type: ClassVar[str] = "faulty_process"
    secret_variables: ClassVar[tuple[str, ...]] = ("FAULTY_KEY",)


class FaultyRecord(ProcessRecord):
    passed: dict[str, str] = {}
    key: str | None = None


class FaultyStep(ProcessStep):
    record = FaultyRecord

    def wanted(self, ctx: Context) -> FaultyRecord:
        passed = {name: self.value(name) for name in ctx.deployment.pass_environment}
        return FaultyRecord(**super().wanted(ctx).to_data(), passed=passed)

    def value(self, name: str) -> str:
        return (
            "" if fault() == "forgets what it passed" else hashlib.sha256(os.environ.get(name, "").encode()).hexdigest()
        )

    def check(self, ctx: Context, wanted: FaultyRecord, recorded: FaultyRecord | None) -> None:
        if fault() == "finds names taken" and recorded is None and not ctx.records:
            raise ConflictError("the name is taken")
        super().check(ctx, wanted, recorded)

    def apply(self, ctx: Context, wanted: FaultyRecord, recorded: FaultyRecord | None) -> FaultyRecord:
        key = os.environ.get("FAULTY_KEY", "none")
        if fault() == "says its key":
            ctx.report(f"signing in with {key}")
        if fault() == "gives its key as an argument":
            subprocess.run([sys.executable, "-c", "import time; time.sleep(1)", key], check=True)
        if fault() == "talks past us":
            subprocess.run(["sh", "-c", "echo starting; echo started"], check=True, stdout=sys.__stdout__)
        if fault() == "looks at its records alone" and recorded is None:
            process.find = lambda _lineage: []
        made = super().apply(ctx, wanted, recorded)
        if fault() == "keeps its key":
            made = made.changed(key=key)
        if fault() == "keeps a path":
            made = made.model_copy(update={"home": Path(made.home)})  # which checks nothing
        return made


class FaultyProcess(LocalProcess):
    type: ClassVar[str] = "faulty_process"
    env_type: ClassVar[str] = "faulty"

    pass_environment: list[str] = Field(default=[], description="variables that the server gets")

    def steps(self, ctx: Context) -> Sequence[Step]:
        return [ModelStep(), FaultyStep()]

    def place(self, ctx: Context) -> Place | None:
        return None if fault() == "is everywhere" else super().place(ctx)


@hookimpl
def mlem_envs() -> Sequence[type[FaultyEnv]]:
    return [FaultyEnv]


@hookimpl
def mlem_deployments() -> Sequence[type[FaultyProcess]]:
    return [FaultyProcess]
