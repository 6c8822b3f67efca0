"""`OneOff`: a container that runs one command with an app's image and config vars, as ``heroku run`` asks for."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlem import MlemError
from mlem_heroku_simulator.dynos.dyno import SIMULATOR_LABEL

if TYPE_CHECKING:
    from mlem_provider_docker import Engine


class OneOff:
    """One run of a command. It has no input: a shell that waits for some ends at once.

    Args:
        engine: Where it runs.
        image: The image.
        name: ``run.4711``.
        version: The release's version.
        size: The size of the dyno, as the API writes it.
        command: What a shell runs.
        environment: Its environment.
        simulator: The simulator's id, a label of the container.

    Attributes:
        id: Its identity at Heroku.
        state: ``starting``, ``up`` or ``complete``.
        attach_url: Where its output is to be had; None where it goes to the app's log.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        name: str,
        version: int,
        size: str,
        command: str,
        environment: Mapping[str, str],
        simulator: str,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.name, self.version, self.size, self.command = name, version, size, command
        self.state = "starting"
        self.attach_url: str | None = None
        self._engine, self._image, self._environment, self._simulator = engine, image, dict(environment), simulator
        self._container: str | None = None
        self._lock = threading.Lock()

    def run(self, write: Callable[[str], None]) -> None:
        """Run it to its end.

        What it says goes line by line to ``write``.
        """
        settings = {
            "entrypoint": ["/bin/sh", "-c"],
            "command": [self.command],
            "environment": {**self._environment, "DYNO": self.name},
            "labels": {SIMULATOR_LABEL: self._simulator},
            "cap_drop": ["ALL"],
        }
        try:
            with self._lock:
                if self.state == "complete":
                    return
                self._container = self._engine.create(self._image, f"heroku-{self.id}", settings)
                self._engine.start(self._container, self.name)
                self.state = "up"
            for line in self._engine.logs(self._container, follow=True, tail=None):
                write(line)
        except (MlemError, OSError):
            pass  # stopped under its reader, or the reader went away
        finally:
            self.stop()

    def stop(self) -> None:
        """End it.

        That is fine when it has ended.
        """
        with self._lock:
            self.state = "complete"
            if self._container is not None:
                self._engine.remove_container(self._container)
                self._container = None
