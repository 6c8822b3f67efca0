"""`Hooks`: what the project's own commands are told at each point of a run, and what their failure means."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlem.deployments.edge import failure_of
from mlem.deployments.hooks.command import run_command
from mlem.deployments.releases.kept import next_number
from mlem.deployments.releases.made_by import performer
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import Change
from mlem.project.ci import current_job
from mlem.project.config import HookPoint
from mlem.state.state import State
from mlem_model.errors import GateError, MlemError
from mlem_model.raised import in_words

if TYPE_CHECKING:
    from mlem_model.models.model import Model

_LONGEST_VARIABLE = 8000
"""The most characters of a variable; the document has all of it."""


@dataclass(frozen=True)
class Hooks:
    """The hooks of one run.

    Attributes:
        target: The deployment.
        model: The model that is to serve.
        changes: What the run does.
        message: What whoever runs it had to say.
        report: Gets what the commands print, with the point's name.
        guard: Raises where the lock was lost.
        enabled: Whether any is run.
    """

    target: Target
    model: Model
    changes: Sequence[Change]
    message: str
    report: Callable[[str], None]
    guard: Callable[[], None]
    enabled: bool = True

    def run(self, point: HookPoint, state: State) -> None:
        """Run the commands of a point, one after the other.

        Args:
            point: Its name.
            state: The state as it stands; an address in it is told.

        Raises:
            GateError: One failed, with the code ``hook-failed``; those after it are not run.
        """
        self._run(point, state, next_number(self.target, state, self.model.digest), None)

    def before_serving(self, state: State) -> None:
        """Run what comes between what is built and what serves it."""
        self.run("after-build", state)
        self.run("before-release", state)

    @contextmanager
    def telling_failures(self, state: Callable[[], State]) -> Iterator[None]:
        """Run the commands of ``on-failure`` when what is within has failed; what they do changes nothing.

        Args:
            state: Returns the state as it stands.
        """
        try:
            yield
        except Exception as error:
            failure = failure_of(error)
            code, message = (failure.code, failure.message) if failure else ("defect", in_words(error))
            with suppress(Exception):  # the failure counts, and is told
                self._tell(state(), {"code": code, "message": message})
            raise

    def _tell(self, state: State, error: dict[str, Any]) -> None:
        try:
            self._run("on-failure", state, state.served.number if state.served else None, error)
        except MlemError as second:
            self.report(f"warning: {second.message}")

    def _run(self, point: HookPoint, state: State, number: int | None, error: dict[str, Any] | None) -> None:
        section = self.target.config.core.hooks
        commands = section.commands(point) if self.enabled and self.target.location.url is None else ()
        if not commands:
            return
        told = self._told(point, state, number, error)
        document = json.dumps(told | {"changes": [asdict(change) for change in self.changes], "error": error})
        variables = {f"MLEM_{key.upper()}": _variable(value) for key, value in told.items()}
        variables["MLEM_ERROR"] = _variable(error["message"] if error else "")
        for command in commands:
            self.guard()
            self.report(f"hook {point}: {shlex.join(command)}")
            ended = run_command(
                command,
                folder=self.target.location.root,
                environment=os.environ | variables,
                document=document.encode(),
                timeout_s=section.timeout_s,
                report=lambda line: self.report(f"hook {point}: {line}"),
                guard=self.guard,
            )
            if ended.words:
                raise _failed(point, command, ended.words, ended.lines)

    def _told(self, point: str, state: State, number: int | None, error: object) -> dict[str, Any]:
        job, deployment = current_job(), self.target.deployment
        # until the gate has passed, callers are answered by what serves
        shown: State | None = state
        if point != "after-gate":
            shown = state.model_copy(update={"records": state.served.records}) if state.served else None
        return {
            "hook": point,
            "deployment": self.target.name,
            "type": deployment.type,
            "model": deployment.model,
            "model_hash": self.model.digest,
            "release": number,
            "url": deployment.address(self.target.context(shown), shown) if shown else None,
            "message": self.message,
            "performer": performer(job),
            "job_url": job.url if job else "",
        }


def _variable(value: object) -> str:
    return "" if value is None else str(value).replace("\0", "")[:_LONGEST_VARIABLE]


def _failed(point: HookPoint, command: Sequence[str], words: str, lines: Sequence[str]) -> GateError:
    """Say which hook failed, how, and what it said at last."""
    nothing = "; nothing was changed" if point == "before-build" else ""
    said = "".join(f"\n    | {line}" for line in lines)
    return GateError(
        f"hook {point} failed: {shlex.join(command)}: {words}{nothing}{said}",
        code="hook-failed",
        hint="put right what it says, or run without hooks: --no-hooks",
    )
