"""What ends a process from outside: none of it is the fault of the code that was running just then."""

from __future__ import annotations


class Terminated(SystemExit):
    """The process was asked to end by a signal; a plugin's own ``sys.exit`` is another thing."""


INTERRUPTS: tuple[type[BaseException], ...] = (KeyboardInterrupt, Terminated)
"""What is passed on wherever it comes up."""
