"""`Result`: what became of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mlem_model.errors import MlemError

Action = Literal["rewritten", "taken over", "set aside", "read as it is", "failed"]


@dataclass(frozen=True)
class Result:
    """What became of one file of MLEM 0.4, or what would become of it.

    Attributes:
        path: The file or URL.
        kind: What it is: ``env``, ``deployment``, ``state``, ``settings``, ``model``, ``data``.
        type: The type's word, where it has one.
        action: What was done.
        about: What it was done to, in words: ``the container myc (0123456789ab)``.
        notes: What its owner should know or do, one sentence each; no values of secrets.
        backup: Where the old file is now.
        error: Why it failed.
    """

    path: str
    kind: str
    type: str = ""
    action: Action = "rewritten"
    about: str = ""
    notes: tuple[str, ...] = ()
    backup: str | None = None
    error: MlemError | None = None

    def to_data(self) -> dict[str, Any]:
        """Return plain data."""
        error = self.error
        return {
            "path": self.path,
            "kind": self.kind,
            "type": self.type,
            "action": self.action,
            "about": self.about,
            "notes": list(self.notes),
            "backup": self.backup,
            "error": error
            and {"code": error.code, "message": error.message, "hint": error.hint, "exit_code": error.exit_code},
        }

    def to_text(self, *, dry_run: bool) -> str:
        """Return lines for a person: what was done, and below it what to know."""
        what = " ".join(filter(None, [self.kind, self.type]))
        if self.error is not None:
            lines = [f"{self.path}: {what}, not migrated: error[{self.error.code}]: {self.error.message}"]
            lines += [f"hint: {self.error.hint}"] if self.error.hint else []
        else:
            about = f": {self.about}" if self.about else ""
            lines = [f"{self.path}: {what}, {'to be ' if dry_run and self.changes else ''}{self.action}{about}"]
        lines += self.notes
        lines += [f"the old file is {self.backup}"] if self.backup else []
        return "\n    ".join(lines)

    @property
    def changes(self) -> bool:
        """Whether the action changes a file."""
        return self.action in ("rewritten", "taken over", "set aside")
