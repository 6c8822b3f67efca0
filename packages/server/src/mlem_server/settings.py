"""Settings of a server: where it listens, what it accepts, how long it waits."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
        host: The address to listen on; ``0.0.0.0`` is every IPv4 interface.
        port: The TCP port; 0 takes a free one.
        fd: File descriptor of a socket that is bound already, instead of ``host`` and ``port``.
        tokens: Bearer tokens that are accepted; none means that everybody may call.
        max_body_bytes: The largest request body.
        max_queue: Calls that may wait for the model; one more is answered with 503.
        request_timeout_s: Seconds to receive a request's body, and again seconds to answer it.
        shutdown_timeout_s: Seconds that requests in flight have to finish after SIGTERM. Below the 30 s after which Heroku kills a
            dyno. Source: https://devcenter.heroku.com/articles/dynos#shutdown.
        access_log: Whether each request is logged.
    """

    host: str = "0.0.0.0"  # noqa: S104  # a server inside a container must answer on the container's address
    port: int = DEFAULT_PORT
    fd: int | None = None
    tokens: tuple[str, ...] = ()
    max_body_bytes: int = 64 * 2**20
    max_queue: int = 64
    request_timeout_s: float = 60.0
    shutdown_timeout_s: float = 25.0
    access_log: bool = False
