"""`RetryingStore`: a store over a network, whose writes are settled when their outcome is unknown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from mlem.state.backoff import backoff_s
from mlem.state.clock import Clock
from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.state import ERRORED
from mlem_model.errors import ConflictError, PlatformError, StateUnknownError

AnswerT = TypeVar("AnswerT")
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class RetryingStore(Store):
    """Repeats what got no answer; finds out whether a write landed before it is repeated or refused.

    A write is recognised by its content: each carries a fresh nonce. Sending the same write twice is harmless, since
    both expect the same version.

    Args:
        inner: The store itself; it must not repeat anything on its own, or say so by ``conflicts_are_final``.
        root: The folder that keeps states which could not be written.
        deadline_s: How long to try.
        conflicts_are_final: Whether a refusal by the inner store is for the first time of asking: a client that repeats
            requests on its own may be refused because its write has landed.
        clock: Counts the seconds.
    """

    def __init__(
        self,
        inner: Store,
        root: Path | None = None,
        *,
        deadline_s: float = 30.0,
        conflicts_are_final: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.inner = inner
        self._root = root
        self._deadline_s = deadline_s
        self._conflicts_are_final = conflicts_are_final
        self._clock = clock or Clock()

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return self.inner.where(name)

    def read(self, name: str) -> Versioned | None:
        """Read the newest value; see `Store.read`."""
        return self._patiently(lambda: self.inner.read(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        yield from self._patiently(lambda: list(self.inner.names(prefix)))

    def errored(self, name: str) -> Path | None:
        """Return the file that keeps a state which could not be written."""
        return self._root / f"{name}{ERRORED}" if self._root is not None else None

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Replace the value if it is still at a version; see `Store.write`."""

        def landed(current: Versioned | None) -> str | None:
            return current.version if current is not None and current.data == data else None

        return self._settle(name, expect, lambda: self.inner.write(name, data, expect), landed)

    def delete(self, name: str, expect: str) -> None:
        """Delete the value if it is still at a version; see `Store.delete`."""

        def attempt() -> str:
            self.inner.delete(name, expect)
            return ABSENT

        self._settle(name, expect, attempt, lambda current: ABSENT if current is None else None)

    def discard(self, name: str) -> None:
        """Delete a name with all that the store keeps about it; see `Store.discard`."""
        self._patiently(lambda: self.inner.discard(name))

    def _settle(
        self, name: str, expect: str, attempt: Callable[[], str], landed: Callable[[Versioned | None], str | None]
    ) -> str:
        deadline = self._clock.monotonic() + self._deadline_s
        doubt: Exception | None = None
        for count in itertools.count():
            try:
                return attempt()
            except ConflictError as error:
                if doubt is None and self._conflicts_are_final:
                    raise
                doubt = error
            except StateUnknownError as error:
                doubt = error
                self._pause(count, deadline, name, error)
            try:
                current = self.inner.read(name)
            except StateUnknownError as error:
                self._pause(count, deadline, name, error)
                continue
            version = landed(current)
            if version is not None:
                return version
            if (current.version if current is not None else ABSENT) != expect:
                # It may have landed before somebody else went on from it; for this writer it is lost either way.
                raise ConflictError(
                    f"{self.where(name)} was changed by somebody else while the store did not answer", code="overtaken"
                ) from doubt
            self._pause(count, deadline, name, doubt)
        raise AssertionError("unreachable")

    def _pause(self, count: int, deadline: float, name: str, error: Exception) -> None:
        pause = backoff_s(count, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        if self._clock.monotonic() + pause > deadline:
            raise StateUnknownError(
                f"{self.where(name)}: no answer to a write for {self._deadline_s:g} s, "
                f"it may or may not have landed: {error}"
            ) from error
        self._clock.sleep(pause)

    def _patiently(self, ask: Callable[[], AnswerT]) -> AnswerT:
        deadline = self._clock.monotonic() + self._deadline_s / 3
        for count in itertools.count():
            try:
                return ask()
            except StateUnknownError as error:
                pause = backoff_s(count, first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
                if self._clock.monotonic() + pause > deadline:
                    raise PlatformError(error.message, code="store-unavailable", hint=error.hint) from error
                self._clock.sleep(pause)
        raise AssertionError("unreachable")
