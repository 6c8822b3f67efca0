"""`Application`: all that connections know of what answers their requests."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mlem_server.http.errors import HttpError
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response


class Application(ABC):
    """Answers requests. All of its methods are called on the event loop."""

    @abstractmethod
    def admit(self, request: Request) -> Response | None:
        """Look at the head of a request; return its refusal, None when its body may come."""

    @abstractmethod
    def admits_again(self, request: Request) -> bool:
        """Whether a request with the head of one that was admitted is admitted, too; nothing is counted."""

    @abstractmethod
    def reserve(self, request: Request, size_bytes: int) -> bool:
        """Reserve memory for what has arrived of a body.

        Args:
            request: Whose body it is.
            size_bytes: The size of what has arrived.

        Returns:
            Whether there was room; a single body always has it.
        """

    @abstractmethod
    def handle(self, request: Request, reply: Reply) -> None:
        """Answer a request that was admitted.

        Args:
            request: The request, with its body.
            reply: Called with the answer, now or later, on the event loop.
        """

    @abstractmethod
    def refused(self, error: HttpError) -> Response:
        """Count a refusal, and return the answer."""

    @abstractmethod
    def answered(self, request: Request, response: Response) -> None:
        """Count and log an answer that is sent."""

    @abstractmethod
    def forget(self, request: Request) -> None:
        """Drop a request that nobody waits for any more."""

    @abstractmethod
    def tick(self) -> None:
        """Do periodic work; called several times a second."""

    @abstractmethod
    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late for a tick."""
