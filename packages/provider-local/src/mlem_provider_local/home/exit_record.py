"""The record of a server's ends, in a file beside its log: written by the supervisor, read by ``status``."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

EXIT_FILE = "exit.json"
_MEANINGS = {2: "a wrong option or model file", 3: "something is missing", 4: "an artifact has changed",
             8: "a wrong sample answer", 9: "calls were cut off", 11: "the model hangs"}  # fmt: skip


@dataclass(frozen=True)
class ExitRecord:
    """The last end of a server.

    Attributes:
        supervisor: The process id of its supervisor.
        code: Its exit code, negative for a signal; None if it has never ended.
        at: When, in UTC, ISO 8601.
        ends: How many ends there were.
        pause_s: Seconds from then to the next start; None where none follows.
        expired: When the deployment expired, if that is why it ended; empty if not.
    """

    supervisor: int
    code: int | None = None
    at: str = ""
    ends: int = 0
    pause_s: float | None = None
    expired: str = ""

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; where the folder can't be written, the record is lost."""
        partial = folder / f".{EXIT_FILE}.{os.getpid()}"
        with contextlib.suppress(OSError):
            partial.write_text(json.dumps(asdict(self)))
            partial.replace(folder / EXIT_FILE)

    @classmethod
    def read(cls, folder: Path, supervisor: int) -> ExitRecord | None:
        """Return what a supervisor wrote; None where it wrote nothing that can be read.

        Args:
            folder: The deployment's.
            supervisor: Its process id.
        """
        try:
            found = cls(**json.loads((folder / EXIT_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.supervisor == supervisor else None

    @property
    def last(self) -> bool:
        """Whether no other start follows; unknown, so False, where the supervisor was killed before it could say so."""
        return self.code is not None and self.pause_s is None

    @property
    def how(self) -> str:
        """How it ended, in words; empty if it has never ended."""
        if self.code is None:
            return ""
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-self.code).name
            return f"signal {-self.code}"
        meaning = _MEANINGS.get(self.code)
        return f"exit code {self.code}{f': {meaning}' if meaning else ''}"
