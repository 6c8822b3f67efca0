"""A folder as a platform: the model's files in a subfolder, and a server process that runs there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil
from pydantic import Field

from mlem import Change, Client, Context, Deployment, Env, NotFoundError, Phase, Record, State, Status, Step
from mlem.provider import (
    TOKENS_VARIABLE,
    HttpClient,
    copy_model,
    differences,
    passed_tokens,
    protection,
    ready,
    seen_protection,
)


class FolderEnv(Env):
    """A folder that deployments live in."""

    type: ClassVar[str] = "folder"
    deployment_type: ClassVar[str] = "folder_process"

    path: Path = Field(description="the folder")


class ServerRecord(Record):
    """What is wanted of the server, and what it is."""

    step: ClassVar[str] = "server"

    model_hash: str | None = None
    folder: str = ""
    tokens: str | None = None
    tls: str | None = None
    pid: int = 0
    url: str = ""


class ServerStep(Step["FolderProcess", FolderEnv, ServerRecord]):
    """The model's files and the process that serves them."""

    record = ServerRecord

    def wanted(self, ctx: Context[FolderProcess, FolderEnv]) -> ServerRecord:
        """Want this model served in the env's folder, with the tokens of this command."""
        folder = ctx.env.declared_path(ctx.env.path) / ctx.lineage
        return ServerRecord(
            model_hash=ctx.model.digest if ctx.model else None, folder=str(folder), **protection(ctx.variables)
        )

    def observe(self, ctx: Context[FolderProcess, FolderEnv], recorded: ServerRecord) -> ServerRecord | None:
        """Look for a process that carries the label, and for the tokens that it has."""
        process = next((process for process in processes(ctx.lineage) if process.pid == recorded.pid), None)
        return recorded.changed(**seen_protection(recorded, process.environ())) if process is not None else None

    def change(self, recorded: ServerRecord, wanted: ServerRecord) -> Change:
        """Another model, or other tokens, are another process."""
        return Change(self.name, "replace", differences(recorded, wanted), "some seconds")

    def apply(
        self, ctx: Context[FolderProcess, FolderEnv], wanted: ServerRecord, recorded: ServerRecord | None
    ) -> ServerRecord:
        """Stop what is ours, copy the model unless it is there, and start a server."""
        inherited = {name: value for name, value in os.environ.items() if name != TOKENS_VARIABLE}
        variables = {
            **inherited,
            **ctx.variables,
            **passed_tokens(wanted),
        }  # what is missing is said before anything is stopped
        stop(ctx.lineage)
        folder = Path(wanted.folder, str(wanted.model_hash))
        if ctx.model is not None:
            copy_model(ctx.model, folder)
        with socket.create_server(("127.0.0.1", 0)) as listener, Path(wanted.folder, "log").open("ab") as log:
            port = listener.getsockname()[1]
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "mlem_server",
                    str(folder / "model.mlem"),
                    "--fd",
                    str(listener.fileno()),
                    "--deployment",
                    ctx.lineage,
                ],
                pass_fds=[listener.fileno()],
                env=variables,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        process.returncode = 0  # detached on purpose: it outlives this process
        return wanted.changed(pid=process.pid, url=f"http://127.0.0.1:{port}")

    def remove(self, ctx: Context[FolderProcess, FolderEnv], recorded: ServerRecord | None) -> None:
        """Stop what is ours and delete its folder."""
        stop(ctx.lineage)
        shutil.rmtree(ctx.env.declared_path(ctx.env.path) / ctx.lineage, ignore_errors=True)


class FolderProcess(Deployment):
    """A process in a folder."""

    type: ClassVar[str] = "folder_process"
    env_type: ClassVar[str] = "folder"

    def steps(self, ctx: Context[FolderProcess, FolderEnv]) -> Sequence[Step[FolderProcess, FolderEnv, Any]]:
        """Return the only resource."""
        return [ServerStep()]

    def status(self, ctx: Context[FolderProcess, FolderEnv], state: State) -> Status:
        """Look for the process, then ask it."""
        record = state.record_of(ServerRecord)
        if record is None or not processes(ctx.lineage):
            return Status(Phase.CRASHED, "there is no process")
        is_ready, reason = ready(record.url, 2.0)
        return Status(Phase.RUNNING) if is_ready else Status(Phase.STARTING, reason)

    def client(self, ctx: Context[FolderProcess, FolderEnv], state: State) -> Client:
        """Return an HTTP client."""
        return HttpClient(url=_recorded(state).url)

    def logs(
        self, ctx: Context[FolderProcess, FolderEnv], state: State, *, follow: bool, tail: int | None
    ) -> Iterator[str]:
        """Yield what is in the log file, and what is written to it as long as somebody does."""
        with Path(_recorded(state).folder, "log").open() as log:
            lines = log.read().splitlines()
            yield from lines if tail is None else lines[max(len(lines) - tail, 0) :]
            while follow and processes(ctx.lineage):
                yield from log.read().splitlines()
                time.sleep(0.2)


def _recorded(state: State) -> ServerRecord:
    record = state.record_of(ServerRecord)
    if record is None:
        raise NotFoundError("no server was started", code="not-deployed", hint="mlem deployment run")
    return record


def processes(lineage: str) -> list[psutil.Process]:
    """Return the processes that carry a deployment's label."""
    found = psutil.process_iter(["cmdline", "status"])
    return [
        process
        for process in found
        if lineage in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def stop(lineage: str) -> None:
    """Stop the processes that carry a deployment's label."""
    ours = processes(lineage)
    for process in ours:
        process.terminate()
    psutil.wait_procs(ours, timeout=30)
