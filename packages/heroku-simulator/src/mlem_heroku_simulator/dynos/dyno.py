"""`Dyno`: a container that is started as Heroku starts one: with ``$PORT``, watched, its output in the app's log."""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem import MlemError
from mlem_heroku_simulator.logs.buffer import LogBuffer

if TYPE_CHECKING:
    from mlem_provider_docker import Engine

SIMULATOR_LABEL = "mlem.heroku.simulator"
_POLL_S = 0.05
_WATCH_S = 0.2


@dataclass(frozen=True)
class Settings:
    """How a dyno is run.

    Attributes:
        simulator: The simulator's id, a label of the container.
        boot_timeout_s: How long it may take to listen on ``$PORT``: R10.
        stop_timeout_s: How long it may take to end after SIGTERM.
    """

    simulator: str
    boot_timeout_s: float
    stop_timeout_s: float


class Dyno:
    """One dyno.

    Args:
        engine: Where it runs.
        image: The image.
        name: ``web.1``.
        version: The release's version.
        config_vars: Its environment.
        log: The app's log.
        settings: How it is run.

    Attributes:
        id: Its identity at Heroku.
        state: ``starting``, ``up``, ``crashed`` or ``down``.
        port: The port on this machine that leads to it; None while it has none.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        name: str,
        version: int,
        config_vars: Mapping[str, str],
        log: LogBuffer,
        settings: Settings,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.name, self.version = name, version
        self.state = "starting"
        self.port: int | None = None
        self.container: str | None = None
        self._engine, self._image, self._config_vars, self._log, self._settings = (
            engine,
            image,
            dict(config_vars),
            log,
            settings,
        )
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"dyno {name}", daemon=True)

    def start(self) -> None:
        """Start it, in the background."""
        self._thread.start()

    def stop(self) -> threading.Thread:
        """End it, in the background: SIGTERM, then SIGKILL.

        Return the thread that does it.
        """
        self._stopped.set()
        self._become("down")
        thread = threading.Thread(target=self._end, name=f"end of {self.name}", daemon=True)
        thread.start()
        return thread

    def wait_until(self, state: str, timeout_s: float) -> bool:
        """Wait until it has a state, and say whether it got there in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.state == state, timeout_s)

    def wait_while_starting(self, timeout_s: float) -> None:
        """Wait until it is up or has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self.state != "starting", timeout_s)

    def _become(self, state: str) -> None:
        """Change the state.

        A dyno that is down stays down, whatever its container still does.
        """
        with self._changed:
            if self.state not in (state, "down"):
                self._log.write("heroku", self.name, f"State changed from {self.state} to {state}")
                self.state = state
            self._changed.notify_all()

    def _live(self) -> None:
        try:
            self._boot()
        except MlemError as error:
            if not self._stopped.is_set():
                self._log.write("heroku", self.name, f"Error R99 (Platform error) -> {error.message}")
                self._become("crashed")

    def _boot(self) -> None:
        inside = random.randrange(3000, 60000)  # noqa: S311  # as Heroku does: another port for each dyno
        settings: dict[str, Any] = {
            "environment": {**self._config_vars, "PORT": str(inside), "DYNO": self.name},
            "labels": {SIMULATOR_LABEL: self._settings.simulator},
            "ports": {f"{inside}/tcp": ("127.0.0.1", None)},
            "cap_drop": ["ALL"],
        }
        self.container = self._engine.create(self._image, f"heroku-{self.id}", settings)
        self._log.write("heroku", self.name, "Starting process with the command of the image")
        self._engine.start(self.container, self.name)
        threading.Thread(target=self._copy_log, args=(self.container,), name=f"log of {self.name}", daemon=True).start()
        deadline = time.monotonic() + self._settings.boot_timeout_s
        while not self._stopped.is_set():
            found = self._running()
            if found is None:
                return
            published = (found["NetworkSettings"]["Ports"] or {}).get(f"{inside}/tcp")
            if published and _listens(int(published[0]["HostPort"])):
                self.port = int(published[0]["HostPort"])
                self._become("up")
                break
            if time.monotonic() > deadline:
                limit = f"{self._settings.boot_timeout_s:g} seconds"
                self._log.write(
                    "heroku",
                    self.name,
                    f"Error R10 (Boot timeout) -> Web process failed to bind to $PORT within {limit}",
                )
                self._log.write("heroku", self.name, "Stopping process with SIGKILL")
                self._engine.remove_container(self.container)
                self._log.write("heroku", self.name, "Process exited with status 137")
                self._become("crashed")
                return
            self._stopped.wait(_POLL_S)
        while not self._stopped.wait(_WATCH_S):
            if self._running() is None:
                return

    def _running(self) -> dict[str, Any] | None:
        """Inspect the container.

        Where it has ended, say so and return None.
        """
        found = self._engine.container(self.container or "")
        if found is not None and found["State"]["Running"]:
            return found
        if not self._stopped.is_set():
            status = found["State"]["ExitCode"] if found else 137
            if found and found["State"].get("OOMKilled"):
                self._log.write("heroku", self.name, "Error R15 (Memory quota vastly exceeded)")
            self._log.write("heroku", self.name, f"Process exited with status {status}")
            self._become("crashed")
        return None

    def _copy_log(self, container: str) -> None:
        try:
            for line in self._engine.logs(container, follow=True, tail=None):
                self._log.write("app", self.name, line)
        except MlemError:
            return  # the container was removed under the reader

    def _end(self) -> None:
        self._thread.join(self._settings.boot_timeout_s)
        if self.container is None:
            return
        try:
            self._engine.stop(self.container, self._settings.stop_timeout_s)
            self._engine.remove_container(self.container)
        except MlemError as error:
            self._log.write("heroku", self.name, f"Error R99 (Platform error) -> {error.message}")


def _listens(port: int) -> bool:
    """Say whether a server is behind a published port.

    The Engine's proxy takes connections for it, and closes them if there is none.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(0.15)
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False
