"""A throw-away project for tests: models with known answers, and the command line run in it as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlem import api
from mlem.deployments.handle import DeploymentHandle
from mlem.testing.journal import otherwise_than_said
from mlem_model.errors import MlemError

SAMPLE = [1.0, 2.0, 3.0]
"""The sample data of the models; `Project.save` says what they answer."""


@dataclass(frozen=True)
class Project:
    """A project folder.

    Attributes:
        folder: The folder.
        environment: Variables for the commands, beside the process's own.
        prefix: What each command is started by: ``("unshare", "--pid", ...)``.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()

    @classmethod
    def make(cls, folder: Path, environment: Mapping[str, str] | None = None) -> Project:
        """Make a project in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        api.init(folder)
        return cls(folder, dict(environment or {}))

    def save(self, name: str, factor: float) -> None:
        """Save a model whose ``predict`` multiplies each number of a list by a factor."""
        api.save(_multiplier(factor), name, sample_data=SAMPLE, project=str(self.folder))

    def save_wrong(self, name: str) -> None:
        """Save a model whose answer to its sample row differs from the recorded one: every gate must refuse it."""
        self.save(name, 1.0)
        path = self.folder / f"{name}.mlem"
        text = path.read_text()
        right = "    returns:\n    - 1.0\n"
        if right not in text:
            raise AssertionError(f"no sample answer to falsify in {text}")
        path.write_text(text.replace(right, "    returns:\n    - 99.0\n"))

    def handle(self, name: str) -> DeploymentHandle:
        """Return the handle of a deployment of the project."""
        loaded = api.load(name, project=str(self.folder))
        if not isinstance(loaded, DeploymentHandle):
            raise TypeError(f"{name} is not a deployment")
        return loaded

    def expect_done_as_said(self) -> None:
        """Check that what each deployment of the project has done is what its plans said; see `otherwise_than_said`.

        Raises:
            AssertionError: A release has changed something that its plan kept, or kept what its plan changed.
        """
        for name, _ in api.deployments(str(self.folder)):
            try:
                state = self.handle(name).state()
            except MlemError:
                continue  # a test has made it unreadable
            otherwise = otherwise_than_said(state) if state is not None else []
            if otherwise:
                raise AssertionError(f"{name}: {otherwise}")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the commands."""
        return {**os.environ, **self.environment}

    def mlem(
        self, *arguments: str, stdin: str | None = None, timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``mlem`` in the project's folder."""
        return self.python("-m", "mlem.cli", *arguments, stdin=stdin, timeout_s=timeout_s)

    def python(
        self, *arguments: str, stdin: str | None = None, timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder."""
        return subprocess.run(  # noqa: S603  # the arguments are the test's own
            [*self.prefix, sys.executable, *arguments],
            cwd=self.folder,
            env=self.variables,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Run ``mlem ... --output json`` and return its result."""
        done = self.mlem(*arguments, "--output", "json")
        if done.returncode:
            raise AssertionError(f"mlem {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def run(
        self, type_: str, name: str, model: str, fields: Mapping[str, Any] | Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run ``mlem deployment run TYPE NAME --model MODEL`` with fields."""
        options = [f"--{key}={value}" for key, value in fields.items()] if isinstance(fields, Mapping) else list(fields)
        return self.mlem("deployment", "run", type_, name, "--model", model, *options)


def _multiplier(factor: float) -> Callable[[list[float]], list[float]]:
    def predict(numbers: list[float]) -> list[float]:
        return [number * factor for number in numbers]

    # By value: the server's environment need not have this kit.
    predict.__module__ = "__main__"
    return predict
