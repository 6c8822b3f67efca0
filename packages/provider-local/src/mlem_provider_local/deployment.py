"""A deployment as a process on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from mlem import Context, Deployment, NotFoundError, Phase, Place, Status, Step
from mlem.provider import Candidate, Unit
from mlem_provider_local.records import ModelRecord, ProcessRecord

if TYPE_CHECKING:
    from mlem import Client, State, Streams
    from mlem_provider_local.env import LocalEnv

    LocalContext: TypeAlias = Context["LocalProcess", LocalEnv]

_PROBE_TIMEOUT_S = 2.0


class LocalProcess(Deployment):
    """A detached server process on this machine.

    It survives the shell that started it, but not a restart of the machine.
    """

    type: ClassVar[str] = "local_process"
    env_type: ClassVar[str] = "local"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"address", "exec", "logs", "previous-logs", "recover", "restart", "rollback", "ttl"}
    )

    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="port to listen on (default: any free one, kept over updates)"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 lets other machines in")
    stop_timeout_s: Annotated[float, Field(ge=0, le=3600), Unit("s")] = Field(
        default=10.0, description="how long the server may take to finish what is in flight before it is killed"
    )

    restart: Literal["no", "on-failure", "always"] = Field(
        default="no",
        description="when the server is started again: on-failure after a crash, a hang of its model, or any other "
        "exit code than 0; always after every end (never where another start would not help: exit codes 2, 3, 4, 8)",
    )

    def steps(self, ctx: LocalContext) -> Sequence[Step[LocalProcess, LocalEnv, Any]]:
        """Return the model's copy, then the process."""
        from mlem_provider_local.steps import ModelStep, ProcessStep

        return [ModelStep(), ProcessStep()]

    def place(self, ctx: LocalContext) -> Place | None:
        """Return this machine."""
        from mlem_provider_local.machine import here

        return here()

    def is_same_place(self, ctx: LocalContext, recorded: Place, here: Place) -> bool:
        """See `Deployment.is_same_place`; a machine that was started again is the same."""
        from mlem_provider_local.machine import is_same

        return is_same(recorded, here)

    def status(self, ctx: LocalContext, state: State) -> Status:
        """Look for the process, then ask it whether it is ready."""
        from mlem.provider import ready
        from mlem_provider_local.home.exit_record import ExitRecord
        from mlem_provider_local.process import lookup_recorded

        record = state.record_of(ProcessRecord)
        if record is None:
            return Status(Phase.STOPPED, "no process was started")
        server = lookup_recorded(record)
        end = ExitRecord.read(Path(record.home), record.pid)
        if server is None and end and end.expired:
            return Status(
                Phase.STOPPED,
                f"expired at {end.expired}: mlem deployment gc removes it, a run begins its time again",
            )
        if server is None:
            return Status(Phase.CRASHED, end.how if end and end.last else f"process {record.pid} is gone")
        is_ready, reason = ready(record.url, _PROBE_TIMEOUT_S)
        if is_ready:
            return Status(Phase.RUNNING)
        before = f"ended {end.ends} times, last with {end.how} at {end.at}; " if end and end.how else ""
        return Status(Phase.STARTING, before + reason)

    def candidates(self, ctx: LocalContext, id_: str | None) -> Sequence[Candidate]:
        """See `Deployment.candidates`: the servers that a deployment of this name has started, by their process id."""
        from mlem_provider_local.unrecorded import candidates

        return candidates(ctx, id_)

    def address(self, ctx: LocalContext, state: State) -> str | None:
        """Return the URL of the process."""
        record = state.record_of(ProcessRecord)
        return record.url if record else None

    def client(self, ctx: LocalContext, state: State) -> Client:
        """Return an HTTP client."""
        from mlem.provider import HttpClient

        url = self.address(ctx, state)
        if url is None:
            raise NotFoundError(
                f'"{ctx.name}" has no process', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
            )
        return HttpClient(url=url)

    def logs(self, ctx: LocalContext, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield the lines of the server's log, from the oldest file that is kept."""
        from mlem_provider_local.log_file import LOG_FILE, read
        from mlem_provider_local.process import lookup_recorded
        from mlem_provider_local.steps import home_of

        record = state.record_of(ProcessRecord) or state.record_of(ModelRecord)

        def writes() -> bool:
            return isinstance(record, ProcessRecord) and record.knows("pid") and lookup_recorded(record) is not None

        yield from read(home_of(ctx, record) / LOG_FILE, tail=tail, follow=writes if follow else None)

    def previous_logs(self, ctx: LocalContext, state: State) -> Iterator[str]:
        """Yield the lines of the server before; one that its supervisor has started anew is another server."""
        from mlem_provider_local.home.starts import previous_lines
        from mlem_provider_local.log_file import LOG_FILE
        from mlem_provider_local.steps import home_of

        return previous_lines(home_of(ctx, state.record_of(ProcessRecord) or state.record_of(ModelRecord)) / LOG_FILE)

    def exec(self, ctx: LocalContext, state: State, command: Sequence[str], streams: Streams) -> int:
        """Run a command on this machine with the server's variables, folder and Python."""
        from mlem_provider_local.commands import run_command
        from mlem_provider_local.process import lookup_recorded

        record = state.record_of(ProcessRecord)
        server = lookup_recorded(record) if record else None
        if server is None:
            raise NotFoundError(
                f'the server of "{ctx.name}" does not run',
                code="not-running",
                hint=f"mlem deployment run --load {ctx.name}",
            )
        return run_command(server, command, streams)

    def expire(self, ctx: LocalContext, state: State, at: str | None) -> None:
        """Tell the supervisor when the deployment expires."""
        from mlem_provider_local.home.expiry import write_expiry

        record = state.record_of(ProcessRecord)
        if record is not None:
            write_expiry(Path(record.home), at)
