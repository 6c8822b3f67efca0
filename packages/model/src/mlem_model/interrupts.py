"""What ends a process from outside: none of it is the fault of the code that was running just then."""

from __future__ import annotations


class Terminated(SystemExit):
    """The process was asked to end by a signal; a plugin's own ``sys.exit`` is another thing."""


INTERRUPTS: tuple[type[BaseException], ...] = (KeyboardInterrupt, Terminated)
"""What is passed on wherever it comes up."""

_signalled: list[BaseException] = []


def remember(interrupt: BaseException) -> BaseException:
    """Note an interrupt that a signal's handler is about to raise, and return it.

    The exception alone may get lost: compiled code that was calling Python back (a serializer, a comparison) raises
    another error in its place, or none.
    """
    _signalled[:] = [interrupt]
    return interrupt


def pending() -> BaseException | None:
    """Return the interrupt that was noted and has not reached its end; None where there is none."""
    return _signalled[0] if _signalled else None


def reached() -> None:
    """Forget what was noted: it has been dealt with."""
    _signalled.clear()


def raise_pending() -> None:
    """Raise an interrupt that got lost on its way, at a point where work can be left."""
    if _signalled:
        raise _signalled[0]
