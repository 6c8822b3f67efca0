"""Settings of a server: where it listens, what it accepts, how long it waits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlem_model.artifacts.trust import Trust

DEFAULT_PORT = 8080
KEEP_ALIVE_S = 75.0
"""Longer than load balancers usually keep a connection (60 s): the side that reuses it should be the one that closes
it."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGER_S = 60.0
"""A call that nobody waits for any more may still end within this time after the longest wait of a caller."""


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
        host: The address to listen on; ``0.0.0.0`` is every IPv4 interface.
        port: The TCP port; 0 for any free one.
        fd: File descriptor of a socket that is bound already, instead of ``host`` and ``port``.
        tokens: Bearer tokens that are accepted, each alone or after its name and a space; none means that everybody
            may call.
        token_file: The file that the tokens are from; it is read again when it changes. None where they are not from a
            file.
        platform_knows_callers: Whether the platform only lets callers through that it knows, so that tokens are not
            needed.
        unix_socket: Path of a Unix socket to listen on, instead of ``host`` and ``port``.
        root_path: The path prefix under which callers see the server; empty for none.
        trusted_proxies: Networks of proxies whose ``X-Forwarded-`` headers count.
        cors_origins: Origins whose pages may call the server; ``*`` for any.
        compression: Whether large answers are packed for callers who accept that.
        tls_certificate: PEM file of the certificate and its chain; None serves without TLS.
        tls_key: PEM file of its key; None where the certificate's file has it.
        max_body_bytes: The largest request body.
        max_bodies_bytes: The largest sum of all bodies that are in memory; bodies up to 64 KiB do not count.
        max_decoded_bytes: The largest value that a body may become, as far as that can be estimated.
        max_connections: Open connections of a worker; for one more, an idle one is closed.
        max_head_bytes: The largest head of a request; its trailers may be as large.
        max_headers: The most headers, repeated ones counted each.
        max_target_bytes: The longest path with its query.
        max_queue: Calls that may wait; one more is answered with 503.
        max_calls_per_caller: Calls that a caller may have on their way, one more is answered with 429; 0 for any.
        max_batch_rows: The most rows that waiting calls are joined to; 1 joins none.
        header_timeout_s: Seconds to send a request's head.
        request_timeout_s: Seconds to send a request's body, and again seconds to answer it.
        hang_timeout_s: Seconds that one call of the model may take before the process is replaced, at least
            ``request_timeout_s``; 0 for no limit, None for a minute more than ``request_timeout_s``. In a stream it is
            the time of each item.
        keep_alive_s: Seconds that a connection may be idle.
        shutdown_timeout_s: Seconds that requests in flight have to finish after SIGTERM. Below the 30 s after which
            Heroku kills a dyno. Source: https://devcenter.heroku.com/articles/dynos#shutdown.
        reload: Whether a model that is saved again replaces the one that is served; SIGHUP does it in any case.
        slow_call_s: A call that takes longer gets a line in the log.
        access_log: Whether each request is logged.
        drift: Whether inputs are compared with what the sample data looked like.
        record: The folder that calls are recorded in, a path or a URL; empty for none.
        record_share: The share of calls that is recorded, up to 1.
        record_bytes: When a process has written so much of them, it records no more.
        log_format: ``text`` for people, ``json`` for machines.
        hide_model_errors: Whether a caller whose data the model refuses does not see the model's own words.
        strict: Whether columns and categories that the model was not saved with are refused; else they are noted.
        trust: Which formats of artifacts may be loaded.
        fork: Whether several workers are forked from a process that has loaded the models, where that is possible.
        traces: Whether spans are sent by OpenTelemetry.
        late: Whether connections are accepted only once the model is loaded: another worker answers meanwhile.
        life_fd: File descriptor that ends when the process that watches this one is gone: then this one stops.
        beat_fd: File descriptor to which signs of life are written, once the model is loaded.
        slot: Which of several workers this is; its numbers for ``/metrics`` are kept under it.
    """

    host: str = "0.0.0.0"  # noqa: S104  # a server inside a container must answer on the container's address
    port: int = DEFAULT_PORT
    fd: int | None = None
    tokens: tuple[str, ...] = ()
    token_file: Path | None = None
    platform_knows_callers: bool = False
    unix_socket: Path | None = None
    root_path: str = ""
    trusted_proxies: tuple[Network, ...] = ()
    cors_origins: tuple[str, ...] = ()
    compression: bool = True
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    max_body_bytes: int = 64 * 2**20
    max_bodies_bytes: int = 512 * 2**20
    max_decoded_bytes: int = 256 * 2**20
    max_connections: int = 4096
    max_head_bytes: int = 64 * 2**10
    max_headers: int = 200
    max_target_bytes: int = 16 * 2**10
    max_queue: int = 256
    max_calls_per_caller: int = 0
    max_batch_rows: int = 64
    header_timeout_s: float = 10.0
    request_timeout_s: float = 60.0
    hang_timeout_s: float | None = None
    keep_alive_s: float = KEEP_ALIVE_S
    shutdown_timeout_s: float = 25.0
    reload: bool = False
    slow_call_s: float = 10.0
    access_log: bool = False
    drift: bool = False
    record: str = ""
    record_share: float = 1.0
    record_bytes: int = 2**30
    log_format: Literal["text", "json"] = "text"
    hide_model_errors: bool = False
    strict: bool = False
    trust: Trust = field(default_factory=Trust.of_environment)
    fork: bool = True
    traces: bool = False
    late: bool = False
    life_fd: int | None = None
    beat_fd: int | None = None
    slot: int | None = None

    @property
    def hang_bound_s(self) -> float:
        """Seconds that one call of the model may take; 0 for ever."""
        return self.request_timeout_s + _LONGER_S if self.hang_timeout_s is None else self.hang_timeout_s
