"""`DeploymentHandle`: everything that can be done with one declared deployment, from Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from mlem.deployments.deployment import Deployment, Phase, Status
from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.execution.status import expect_deployed, not_deployed, serving, status
from mlem.deployments.resolving.resolve import Target, resolve, resolve_model
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.project import Location, Name, spelt
from mlem.state.event import Event
from mlem.state.state import LockInfo, Release, State
from mlem_model.errors import UserError
from mlem_model.objects.object import one_line

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem.deployments.execution.engine import Outcome
    from mlem.deployments.notebook.plan import Plan
    from mlem.deployments.notebook.releases import Releases
    from mlem.deployments.releases.planned import Planned
    from mlem_model.models.model import Model


def _silent(_line: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, repr=False)
class DeploymentHandle:
    """A declared deployment.

    Attributes:
        target: The deployment with its env and its state store.
        report: Called with lines of progress.
        lock: How operations that change something lock.

    Example::

        handle = mlem.api.load("iris-app")
        handle.run()
        handle.get_client().predict(rows)
    """

    target: Target
    report: Callable[[str], None] = _silent
    lock: LockOptions = field(default_factory=LockOptions)

    @classmethod
    def of(cls, location: Location, deployment: Deployment | None = None, **options: Any) -> DeploymentHandle:
        """Make a handle from a place.

        Args:
            location: The declaration.
            deployment: Its content; read from the file when None.
            **options: ``report``, ``lock``.
        """
        return cls(resolve(location, deployment), **options)

    @classmethod
    def in_store(cls, name: str, place: str, project: Name | None = None, **options: Any) -> DeploymentHandle:
        """Make a handle of a deployment that a store has, without its declaration.

        Args:
            name: Its name in the store.
            place: The store: a URI, or ``local`` for files beside the declarations.
            project: A folder of the project whose settings say how stores are reached; the current one when None.
            **options: ``report``, ``lock``.

        Raises:
            NotFoundError: The store does not have it.
            PluginError: Its type is not installed.
        """
        store = NamedStore.at(place, project)
        return cls(store.target(name, store.read(name)), **options)

    @property
    def name(self) -> str:
        """The deployment's name in its project."""
        return self.target.name

    @property
    def deployment(self) -> Deployment:
        """The declaration."""
        return self.target.deployment

    def model(self) -> Model:
        """Return the metadata of the model that is declared.

        Raises:
            UserError: None is declared, or the project does not trust its format.
            NotFoundError: It does not exist.
        """
        name = self.deployment.model
        if name is None:
            raise UserError(
                f'"{self.name}" has no model',
                code="no-model",
                hint=f"mlem deployment run --load {self.name} --model MODEL",
            )
        model, place = resolve_model(name, self.target.location)
        self.target.config.core.trust.check(model, place.source)
        return model

    def plan(self) -> Plan:
        """Say what `run` would do to each resource."""
        from mlem.deployments.execution import engine

        return engine.plan(self.target, self.model())

    def keep_plan(self, named: str | None = None, env: str | None = None) -> tuple[Plan, Planned]:
        """Plan, and return with it what makes a later run do exactly that or nothing: ``RunOptions(planned=...)``.

        Args:
            named: The name of the model, where it is not the one that the declaration's file names.
            env: The name of the env, where it is another one than the file's.
        """
        from mlem.deployments.execution import engine

        return engine.keep_plan(self.target, self.model(), named, env)

    def run(self, options: RunOptions = RunOptions(), accepted: Callable[[], None] = lambda: None) -> Outcome:
        """Deploy what is declared.

        Args:
            options: What is said about this run: a message, which release it expects to find.
            accepted: Called under the lock when all that can be known beforehand is right, before anything is done.
        """
        from mlem.deployments.execution import engine

        model = self.model()
        return engine.run(self.target, model, report=self.report, lock=self.lock, accepted=accepted, options=options)

    def rollback(self, number: int | None = None, options: RunOptions = RunOptions()) -> Release:
        """Put an earlier release back; the one before the current when no number is given.

        Args:
            number: The release's number.
            options: What is said about it: a message, which release it expects to find.
        """
        from mlem.deployments.execution import engine

        return engine.rollback(self.target, number, report=self.report, lock=self.lock, options=options)

    def remove(self, expected: State | None = None) -> bool:
        """Remove everything that was deployed; return whether there was anything.

        Args:
            expected: The state by which it was found not to be needed; None to remove it whatever was deployed since.
        """
        from mlem.deployments.execution import engine

        return engine.remove(self.target, report=self.report, lock=self.lock, expected=expected)

    def restart(self) -> Release:
        """Start again what serves, with the present values of what is passed on to it; return its release."""
        from mlem.deployments.execution import engine

        return engine.restart(self.target, report=self.report, lock=self.lock)

    def forget(self) -> State | None:
        """Erase the record of a deployment whose machine or account is gone for good; return what was on record."""
        from mlem.deployments.execution import engine

        return engine.forget(self.target, lock=self.lock)

    def state(self) -> State | None:
        """Read the state; None when nothing is deployed."""
        return self.target.read_state()

    def status(self) -> Status:
        """Say what the deployment is doing."""
        return status(self.target)[0]

    @plugin_edge()
    def address(self, state: State | None = None) -> str | None:
        """Return the URL of a deployed model; None when it has none.

        Args:
            state: The state, where it was just read or written.
        """
        state = state or self.target.read_state()
        if state is None or state.empty:
            return None
        state = serving(state)
        return self.deployment.address(self.target.context(state), state)

    @plugin_edge()
    def wait(
        self,
        wanted: Phase | str | Iterable[Phase | str] = Phase.RUNNING,
        timeout_s: float = 300.0,
    ) -> Status:
        """Wait until the deployment has a status.

        Args:
            wanted: A status, or several: ``"running"``, ``Phase.STOPPED``.
            timeout_s: How long at most, in seconds.

        Returns:
            The status, with its reason.

        Raises:
            UserError: There is no such status.
            NotFoundError: Nothing is deployed.
            PlatformError: It should be running, but has crashed or was stopped, and no run is at work that would change
                that.
            WaitTimeoutError: It did not get there in time.
        """
        from mlem.deployments.access.waiting import wait_for

        return wait_for(self.target, wanted, timeout_s)

    def releases(self) -> Releases:
        """Return the kept releases, newest first."""
        from mlem.deployments.notebook.releases import Releases

        state = self.target.read_state()
        return Releases(state.releases if state else ())

    def history(self) -> Sequence[Event]:
        """Return what happened to it, oldest first: the newest fifty events, from its first run on."""
        state = self.target.read_state()
        return state.history if state else ()

    def receipt(self, number: int | None = None) -> dict[str, Any]:
        """Return as plain data what serves, with digests, requirements, who made it and from what.

        Args:
            number: A release's number; the one that serves when None.

        Raises:
            NotFoundError: Nothing is deployed, or there is no such release.
        """
        from mlem.deployments.releases.receipt import receipt

        state = self.target.read_state()
        if state is None or state.served is None:
            raise not_deployed(self.target)
        return receipt(self.target, state, number)

    @plugin_edge()
    def logs(
        self,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: datetime | timedelta | None = None,
        previous: bool = False,
    ) -> Iterator[str]:
        """Yield log lines, oldest first.

        Args:
            follow: Go on with new lines until the caller stops, or the deployment ends.
            tail: Begin with this many last lines; None for all.
            since: Leave out what was written before this time, or longer ago than this.
            previous: Of what ran before the last start, instead of what runs.

        Raises:
            UserError: The platform has no log of what ran before, or it was to be followed.
            NotFoundError: Nothing is deployed, or nothing ran before.
        """
        from mlem.deployments.access.logs import read_log

        return read_log(self.target, follow=follow, tail=tail, since=since, previous=previous)

    @plugin_edge()
    def exec(
        self,
        command: Sequence[str],
        *,
        stdin: BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        tty: bool = False,
    ) -> int:
        """Run a command where the model is served, and return its exit code.

        Args:
            command: Its words: ``["python", "-m", "pip", "list"]``; no shell of ours reads them.
            stdin: What it reads; nothing when None.
            stdout: What gets its output; this process's own when None.
            stderr: What gets its errors; this process's own when None.
            tty: Whether it gets a terminal: errors then come with the output.

        Raises:
            UserError: It is no command, or the platform can't do this.
            NotFoundError: Nothing is deployed.
        """
        from mlem.deployments.access.commands import run_in
        from mlem.deployments.access.streams import Streams, bytes_of

        streams = Streams(stdin, stdout or bytes_of(sys.stdout), stderr or bytes_of(sys.stderr), tty)
        return run_in(self.target, command, streams)

    @plugin_edge()
    def maintenance(self, on: bool | None = None) -> bool:
        """Say whether callers get a page that asks for patience, in place of the model's answers.

        Args:
            on: Begin or end that first; None only to ask.

        Raises:
            UserError: The platform has no such mode.
            NotFoundError: Nothing is deployed.
        """
        from mlem.deployments.access.maintenance import maintenance

        return maintenance(self.target, on, report=self.report, lock=self.lock)

    @plugin_edge()
    def get_client(
        self,
        *,
        timeout_s: float | None = None,
        token: str | None = None,
        ca_file: Name | None = None,
        headers: Mapping[str, str] | None = None,
        max_answer_mib: float | None = None,
    ) -> Client:
        """Return a client whose methods are the model's: of the release that serves, also while a run replaces it.

        Args:
            timeout_s: How long a whole call may take; the platform's default when None.
            token: The bearer token of this client alone; the variable ``MLEM_TOKEN`` when None.
            ca_file: PEM file with the certificates to trust instead of the system's.
            headers: Headers that every request has; they are never shown.
            max_answer_mib: How large an answer may be, in MiB; the client's default when None.

        Raises:
            NotFoundError: Nothing is deployed.
            UserError: The platform's client has no such option, or it does not accept the value.
        """
        state = serving(expect_deployed(self.target, to_call=True))
        client = self.deployment.client(self.target.context(state), state)
        own = None if headers is None else dict(headers)
        given = {"timeout_s": timeout_s, "token": token, "ca_file": ca_file, "headers": own}
        given["max_answer_mib"] = max_answer_mib
        options = {name: value for name, value in given.items() if value is not None}
        return client.with_options(**options) if options else client

    def move_state(self, uri: Name) -> tuple[str, str]:
        """Take the state to another state manager: a URI, or ``local`` for files beside the declarations.

        Returns:
            The old place and the new one.

        Raises:
            NotFoundError: There is no state.
            ConflictError: The new place has a state of another deployment.
            LockedError: A command is at work on it.
        """
        from mlem.deployments.execution import moving

        return moving.move(self.target, spelt(uri), self.lock)

    def push_state(self) -> tuple[State, bool]:
        """Write the state that was kept when the store did not answer; return it, and whether it had not landed.

        Raises:
            NotFoundError: Nothing is kept.
            ConflictError: The state in the store is another deployment's, or newer.
        """
        from mlem.deployments.execution import moving

        return moving.push(self.target, self.lock)

    def __repr__(self) -> str:
        return one_line("DeploymentHandle", f'"{self.name}"', self.deployment.type, str(self.target.location))

    def _repr_html_(self) -> str:
        from mlem.deployments.notebook.handle import handle_in_html

        return handle_in_html(self)

    def holder(self) -> LockInfo | None:
        """Return who holds the lock."""
        state = self.target.read_state()
        return state.lock if state else None

    def hold(self, message: str = "") -> LockInfo:
        """Take the lock by hand."""
        from mlem.deployments.execution import engine

        return engine.hold(self.target, message, self.lock)

    def release_lock(self, id_: str | None = None) -> LockInfo | None:
        """Release a lock that was taken by hand; return it."""
        from mlem.deployments.execution import engine

        return engine.release_lock(self.target, id_)
