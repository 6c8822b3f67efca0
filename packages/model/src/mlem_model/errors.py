"""Every error that a user of mlem can meet, grouped by what the reader should do next.

::

    MlemError                    exit code  do this next
    ├── UserError                2          correct the command, the file or the data
    │   ├── DeclarationError     2          correct the YAML file or the option
    │   └── DataError            2          correct the data sent to a method
    ├── NotFoundError            3          name something that exists
    ├── PluginError              3          install or repair a package
    ├── ConflictError            4          look at what changed, then decide
    ├── LockedError              5          wait, or release the lock
    ├── CredentialsError         6          log in, or set the credentials
    ├── PlatformError            7          read the platform's message, try again
    │   └── StateUnknownError    7          push the kept state when the store answers again
    ├── GateError                8          correct the model; the last good release serves
    └── WaitTimeoutError         9          wait longer, or look at the logs

An error has a kebab-case ``code`` that scripts can compare, a message that says what and where, the values that would
have been right (``known``), and a ``hint``: the next thing to type. A traceback shows them as notes. ``mlem.cli`` alone
turns errors into text and exit codes. Every error may be pickled: it comes out of a pool of processes with its fields.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self


class MlemError(Exception):
    """The root of every expected error.

    Args:
        message: What is wrong, and where.
        hint: The next thing to type or to look at.
        known: The values that would have been accepted.
        code: A kebab-case identifier, stable across versions; the class has a default.
    """

    default_code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        known: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.known = tuple(known)
        self.code = code or self.default_code
        # Notes are shown below the message in a traceback, and nowhere else: who prints an error prints its fields.
        for note in self._notes():
            self.add_note(note)

    def __str__(self) -> str:
        return self.message

    def _notes(self) -> list[str]:
        known = [f"known: {', '.join(self.known)}"] if self.known else []
        return [*known, *([f"hint: {self.hint}"] if self.hint else [])]

    def extended(self, sentence: str, hint: str | None) -> Self:
        """Return the same error with one sentence more: of the same class, and with every field that it has.

        Args:
            sentence: What to add below the message; nothing when empty.
            hint: The next thing to type or to look at, in the place of its own.
        """
        extended = copy.copy(self)
        others = [note for note in getattr(self, "__notes__", ()) if note not in self._notes()]
        extended.message = f"{self.message}\n{sentence}".rstrip()
        extended.args = (extended.message,)
        extended.hint = hint
        extended.__notes__ = [*others, *extended._notes()]
        return extended

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with every field, whatever the class takes to be made."""
        return _unmade, (type(self), self.args), self.__dict__


def _unmade(kind: type[MlemError], args: tuple[Any, ...]) -> MlemError:
    """Return an error whose fields are set next; its class need not take ``args``."""
    return kind.__new__(kind, *args)


class UserError(MlemError):
    """The command, its options or a file it names can't be used as they are."""

    default_code = "usage"
    exit_code = 2


class DeclarationError(UserError):
    """A declaration, a configuration or an option has a value that its field does not accept."""

    default_code = "bad-declaration"


class DataError(UserError):
    """Data does not fit the signature of the method that it is for.

    Args:
        path: Where in the data, for example ``data[3].age``.
        expected: The type or the values that the signature asks for.
        got: The type of the value that was there.
    """

    default_code = "bad-data"

    def __init__(self, path: str, expected: str, got: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}: expected {expected}, got {got}", hint=hint)
        self.path = path
        self.expected = expected
        self.got = got


class NotFoundError(MlemError):
    """An object, a file, a deployment or a resource that was named is not there."""

    default_code = "not-found"
    exit_code = 3


class PluginError(MlemError):
    """A type is not installed, or the plugin that has it does not work."""

    default_code = "not-installed"
    exit_code = 3


class ConflictError(MlemError):
    """Something changed since it was read, or belongs to somebody else."""

    default_code = "conflict"
    exit_code = 4


class LockedError(MlemError):
    """Another run holds the lock of the deployment."""

    default_code = "locked"
    exit_code = 5


class CredentialsError(MlemError):
    """A platform or a store refused the credentials, or found none."""

    default_code = "credentials"
    exit_code = 6


class PlatformError(MlemError):
    """A platform failed, also after the retries that make sense there."""

    default_code = "platform"
    exit_code = 7


class StateUnknownError(PlatformError):
    """A write of the state may or may not have landed, and the store does not answer any more."""

    default_code = "state-unknown"


class GateError(MlemError):
    """The new release did not answer as the model did when it was saved."""

    default_code = "gate-failed"
    exit_code = 8


class WaitTimeoutError(MlemError):
    """Something did not happen within the time that was given."""

    default_code = "timed-out"
    exit_code = 9
