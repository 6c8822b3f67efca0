"""The resources of a local deployment: a copy of the model, and the process that serves it."""

from __future__ import annotations

import shutil
import socket
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlem import Change, NotFoundError, PlatformError, Step
from mlem.provider import (
    FROM_HERE,
    TOKENS,
    copy_model,
    differences,
    has_these_tokens,
    protection,
    protection_in,
    seen_protection,
)
from mlem_provider_local import environment, process
from mlem_provider_local.environment import files_here
from mlem_provider_local.home.expiry import forget_expiry
from mlem_provider_local.log_file import LOG_FILE
from mlem_provider_local.process import lookup_recorded, variables_of
from mlem_provider_local.records import ModelRecord, ProcessRecord
from mlem_provider_local.unrecorded import write_about

if TYPE_CHECKING:
    from mlem_provider_local.deployment import LocalContext, LocalProcess
    from mlem_provider_local.env import LocalEnv

MODEL_FILE = "model.mlem"


def home_of(ctx: LocalContext, recorded: ModelRecord | ProcessRecord | None = None) -> Path:
    """Return a deployment's folder: the recorded one, else the env's."""
    return Path(recorded.home) if recorded else ctx.env.home(ctx.lineage)


class ModelStep(Step["LocalProcess", "LocalEnv", ModelRecord]):
    """A verified copy of the model under its digest: saving the model again does not affect the deployment."""

    record = ModelRecord

    def wanted(self, ctx: LocalContext) -> ModelRecord:
        """Want the model's content."""
        return ModelRecord(model_hash=ctx.model.digest if ctx.model else None, home=str(home_of(ctx)))

    def observe(self, ctx: LocalContext, recorded: ModelRecord) -> ModelRecord | None:
        """Look whether the copy is there."""
        return recorded if _copy(recorded).is_file() else None

    def check(self, ctx: LocalContext, wanted: ModelRecord, recorded: ModelRecord | None) -> None:
        """Look whether this Python can run the model's code."""
        if ctx.model is not None:
            ctx.model.expect_python()

    def apply(self, ctx: LocalContext, wanted: ModelRecord, recorded: ModelRecord | None) -> ModelRecord:
        """Copy the model, unless the copy is there: it appears whole or not at all."""
        target = _copy(wanted).parent
        if not target.is_dir():
            if ctx.model is None:
                raise NotFoundError(
                    f"the copy of model {wanted.model_hash} is gone from {target}",
                    hint="deploy it again from the saved model",
                )
            partial = target.with_name(f".{uuid.uuid4().hex}.partial")
            try:
                partial.mkdir(parents=True)
                copy_model(ctx.model, partial)
                partial.rename(target)
            except OSError as error:
                raise PlatformError(f"can't copy the model to {target}: {error.strerror or error}") from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return wanted

    def remove(self, ctx: LocalContext, recorded: ModelRecord | None) -> None:
        """Remove the deployment's folder."""
        shutil.rmtree(home_of(ctx, recorded), ignore_errors=True)

    def prune(self, ctx: LocalContext, keep: Sequence[ModelRecord]) -> None:
        """Remove the copies that no kept release needs, and what a killed run has left."""
        needed = {_copy(record).parent for record in keep}
        for folder in {path.parent for path in needed}:
            for copy in folder.iterdir():
                if copy not in needed:
                    shutil.rmtree(copy, ignore_errors=True)


def _copy(record: ModelRecord | ProcessRecord) -> Path:
    return Path(record.home) / "models" / str(record.model_hash) / MODEL_FILE


class ProcessStep(Step["LocalProcess", "LocalEnv", ProcessRecord]):
    """The server process."""

    record = ProcessRecord

    def wanted(self, ctx: LocalContext) -> ProcessRecord:
        """Want a server of this model, on the declared address."""
        deployment, variables = ctx.deployment, {**ctx.variables, **files_here()}
        return ProcessRecord(
            model_hash=ctx.model.digest if ctx.model else None,
            home=str(home_of(ctx)),
            host=deployment.host,
            requested_port=deployment.port,
            variables=variables or None,
            **protection(variables),
            restart=None if deployment.restart == "no" else deployment.restart,
        )

    def observe(self, ctx: LocalContext, recorded: ProcessRecord) -> ProcessRecord | None:
        """Look whether the very process on record runs, and with which tokens."""
        server = lookup_recorded(recorded)
        there = variables_of(server) if server is not None else None
        if there is None:
            return None if server is None else recorded
        known = recorded if recorded.knows(TOKENS) else recorded.changed(**protection_in(there))
        return known.changed(**seen_protection(known, there))

    def change(self, recorded: ProcessRecord, wanted: ProcessRecord) -> Change:
        """A process can't be changed: it is stopped, and another takes its port."""
        return Change(
            self.name,
            "replace",
            differences(recorded, wanted),
            "the time that the new server takes to load the model, most often some seconds",
        )

    def apply(self, ctx: LocalContext, wanted: ProcessRecord, recorded: ProcessRecord | None) -> ProcessRecord:
        """Adopt a matching process that a killed run left; else stop ours and start one."""
        return self._serve(ctx, wanted, recorded, process.find(ctx.lineage), adopt=True)

    def restart(self, ctx: LocalContext, recorded: ProcessRecord) -> ProcessRecord:
        """Stop the server, and start another on its port: with tokens, where it has some."""
        seen = self.observe(ctx, recorded)
        untold = seen is not None and seen.tokens is not None and not recorded.knows(TOKENS)
        same = recorded.changed(tokens=FROM_HERE) if untold else recorded
        return self._serve(ctx, same, recorded, process.find(ctx.lineage), adopt=False)

    def check(self, ctx: LocalContext, wanted: ProcessRecord, recorded: ProcessRecord | None) -> None:
        """Look whether a port that is asked for is free, or ours."""
        port = wanted.requested_port
        if port and port not in [server.label.port for server in process.find(ctx.lineage)]:
            process.listen(wanted.host, port).close()

    def _serve(
        self,
        ctx: LocalContext,
        wanted: ProcessRecord,
        recorded: ProcessRecord | None,
        ours: Sequence[process.Server],
        *,
        adopt: bool,
    ) -> ProcessRecord:
        restart = wanted.restart or "no"
        told = recorded is None or recorded.variables == wanted.variables
        fitting = [
            server
            for server in ours
            if adopt
            and told
            and has_these_tokens(wanted, process.variables_of(server) or {})
            and not server.orphan
            and server.restart == restart
            and (server.label.model_hash, server.label.host) == (wanted.model_hash, wanted.host)
            and wanted.requested_port in (None, server.label.port)
        ]
        stop_timeout_s = ctx.deployment.stop_timeout_s
        if fitting:
            process.stop([server for server in ours if server is not fitting[0]], stop_timeout_s)
            return _record(wanted, fitting[0], process.variables_of(fitting[0]) or {})
        whole = environment.server_variables(wanted)  # what is missing is said before anything is stopped
        if ctx.model is not None:
            for line in environment.differences(ctx.model):
                ctx.report(f"note: {line}")
        log = Path(wanted.home) / LOG_FILE
        listener = self._listen(wanted, recorded, ours, stop_timeout_s)
        try:
            process.stop(ours, stop_timeout_s)
            write_about(Path(wanted.home), ctx.name)
            forget_expiry(Path(wanted.home))
            port = listener.getsockname()[1]
            label = process.Label(ctx.lineage, str(wanted.model_hash), wanted.host, port)
            return _record(wanted, process.start(_copy(wanted), listener, label, log, whole, restart), whole)
        finally:
            listener.close()

    def _listen(
        self,
        wanted: ProcessRecord,
        recorded: ProcessRecord | None,
        ours: Sequence[process.Server],
        stop_timeout_s: float,
    ) -> socket.socket:
        """Take the port: the requested one, else the one used before so that the address stays, else any."""
        before = recorded.port if recorded else None
        preferred = wanted.requested_port or before or 0
        if preferred in [server.label.port for server in ours]:
            process.stop(ours, stop_timeout_s)
        try:
            return process.listen(wanted.host, preferred)
        except PlatformError:
            if wanted.requested_port:
                raise
            return process.listen(wanted.host, 0)

    def remove(self, ctx: LocalContext, recorded: ProcessRecord | None) -> None:
        """Stop every server of this deployment."""
        process.stop(process.find(ctx.lineage), ctx.deployment.stop_timeout_s)


def _record(wanted: ProcessRecord, server: process.Server, variables: Mapping[str, str]) -> ProcessRecord:
    host = server.label.host
    # S104: the address is compared, not bound
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    there = protection_in(variables)
    return wanted.changed(
        host=host,
        variables=wanted.variables,
        tokens=wanted.tokens if wanted.knows("tokens") else there["tokens"],
        tls=wanted.tls if wanted.knows("tls") else there["tls"],
        restart=wanted.restart,
        port=server.label.port,
        url=f"http://{reachable}:{server.label.port}",
        pid=server.pid,
        started=server.started,
    )
