"""The options of ``mlem-server``, on the command line and in the environment."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlem_model.artifacts.trust import FORMATS_VARIABLE
from mlem_model.errors import UserError
from mlem_model.serving.protection import TOKENS_VARIABLE
from mlem_server.settings import DEFAULT_PORT, Settings

MODEL_VARIABLE = "MLEM_MODEL"
PORT_VARIABLE = "PORT"
PREFIX = "MLEM_SERVER_"
_LIMITS = ("max-connections", "max-headers", "max-head-kib", "max-target-kib", "max-bodies-mib", "max-decoded-mib")
_TUNING = (
    *_LIMITS, "max-body-mib", "max-queue", "max-calls-per-caller", "max-batch-rows", "header-timeout-s",
    "request-timeout-s", "hang-timeout-s", "shutdown-timeout-s", "workers", "token-file", "tls-cert", "tls-key",
    "log-format", "record", "record-share", "record-mib",
    "keep-alive-s", "root-path", "trusted-proxies", "cors-origins", "slow-call-s",
)  # fmt: skip
_FLAGS = ("access-log", "traces", "hide-model-errors", "strict", "no-compression", "no-fork", "reload", "drift")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    defaults = Settings()
    result = argparse.ArgumentParser(
        prog="mlem-server",
        description="Serve a saved model over HTTP, or several.",
        epilog=f"environment: {MODEL_VARIABLE} (the model), {PORT_VARIABLE} (the port), "
        f"{TOKENS_VARIABLE} (bearer tokens); options that tune the server can also be set as {PREFIX}..., "
        f"for example {PREFIX}WORKERS=2 and {PREFIX}ACCESS_LOG=1",
        allow_abbrev=False,
    )
    result.add_argument(
        "model",
        nargs="*",
        metavar="MODEL",
        help="path of <name>.mlem or <name>, or several, each then served under /models/NAME/; a folder stands for all "
        "models in it; SageMaker's word `serve` is ignored",
    )
    result.add_argument("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    result.add_argument(
        "--port",
        type=port_number,
        help=f"TCP port, 0 for any free one (default: ${PORT_VARIABLE}, then {DEFAULT_PORT})",
    )
    result.add_argument(
        "--unix-socket", type=Path, metavar="PATH", help="Unix socket to listen on, instead of --host and --port"
    )
    _add_edge(result, defaults)
    result.add_argument("--fd", type=_natural, help="file descriptor of a bound socket, instead of --host and --port")
    result.add_argument(
        "--token-file",
        type=Path,
        help=f"file of bearer tokens, one per line; it is read again when it changes (default: ${TOKENS_VARIABLE})",
    )
    result.add_argument(
        "--max-body-mib",
        type=_positive,
        default=defaults.max_body_bytes / 2**20,
        help="largest request body, in MiB (default: %(default)g)",
    )
    result.add_argument(
        "--max-bodies-mib",
        type=_positive,
        help="all request bodies in memory together, in MiB (default: 8 times the largest)",
    )
    result.add_argument(
        "--max-decoded-mib",
        type=_positive,
        help="largest value of a body, in MiB (default: 4 times the largest body, at least 64)",
    )
    result.add_argument(
        "--max-connections",
        type=_count,
        default=defaults.max_connections,
        help="open connections for each worker; for one more, an idle one is closed (default: %(default)s)",
    )
    result.add_argument(
        "--max-head-kib",
        type=_positive,
        default=defaults.max_head_bytes / 2**10,
        help="largest head of a request, in KiB (default: %(default)g)",
    )
    result.add_argument(
        "--max-headers", type=_count, default=defaults.max_headers, help="headers of a request (default: %(default)s)"
    )
    result.add_argument(
        "--max-target-kib",
        type=_positive,
        default=defaults.max_target_bytes / 2**10,
        help="longest path of a request with its query, in KiB (default: %(default)g)",
    )
    result.add_argument(
        "--max-queue",
        type=_natural,
        default=defaults.max_queue,
        help="calls that may wait for the model (default: %(default)s)",
    )
    result.add_argument(
        "--max-calls-per-caller",
        type=_natural,
        default=defaults.max_calls_per_caller,
        help="calls that one token, or one address where there are none, may have on their way in a worker, "
        "0 for no limit (default: %(default)s)",
    )
    result.add_argument(
        "--request-timeout-s",
        type=_positive,
        default=defaults.request_timeout_s,
        help="seconds to answer a request (default: %(default)g)",
    )
    result.add_argument(
        "--hang-timeout-s",
        type=_positive_or_zero,
        help="seconds that one call of the model may take before the process is replaced, 0 for no limit "
        "(default: 60 more than --request-timeout-s)",
    )
    result.add_argument(
        "--shutdown-timeout-s",
        type=_positive,
        default=defaults.shutdown_timeout_s,
        help="seconds that requests in flight have after SIGTERM (default: %(default)g)",
    )
    result.add_argument(
        "--header-timeout-s",
        type=_positive,
        default=defaults.header_timeout_s,
        help="seconds to send a request's head (default: %(default)g)",
    )
    result.add_argument(
        "--max-batch-rows",
        type=_natural,
        default=defaults.max_batch_rows,
        help="the most rows that waiting calls are joined to, 1 joins none (default: %(default)s)",
    )
    result.add_argument(
        "--workers",
        type=_natural,
        default=1,
        help="processes that serve the model; its memory is shared where that is possible (default: %(default)s)",
    )
    result.add_argument(
        "--no-fork", action="store_true", help="let each worker load the model by itself, and share no memory"
    )
    result.add_argument(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="certificate and its chain, PEM: serve HTTPS; they are read again when they change",
    )
    result.add_argument(
        "--tls-key", type=Path, metavar="FILE", help="key of the certificate, PEM, if it is in a file of its own"
    )
    result.add_argument(
        "--formats",
        metavar="WORD,...",
        help=f"formats of artifacts that are trusted, for example skops,onnx (default: ${FORMATS_VARIABLE}, "
        "then all known ones)",
    )
    result.add_argument(
        "--log-format", choices=("text", "json"), default=defaults.log_format, help="(default: %(default)s)"
    )
    result.add_argument("--traces", action="store_true", help="send spans by OpenTelemetry (needs mlem-server[traces])")
    result.add_argument(
        "--hide-model-errors",
        action="store_true",
        help="hide from callers what the model says about data that it refuses; the log has it",
    )
    result.add_argument(
        "--strict",
        action="store_true",
        help="refuse columns and categories that the model was not saved with, instead of just reporting them",
    )
    result.add_argument(
        "--reload",
        action="store_true",
        help="serve the model anew when it is saved again, without a restart; SIGHUP does so in any case",
    )
    result.add_argument(
        "--slow-call-s",
        type=_positive,
        default=defaults.slow_call_s,
        help="log each call that takes longer, in seconds (default: %(default)g)",
    )
    result.add_argument(
        "--drift",
        action="store_true",
        help="count values of inputs by what the sample data looked like, of models that were saved with a profile",
    )
    result.add_argument(
        "--record", default="", metavar="ADDRESS", help="folder to record calls in: a path, or a URL such as s3://..."
    )
    result.add_argument(
        "--record-share", type=_share, default=defaults.record_share, help="share of calls to record (default: all)"
    )
    result.add_argument(
        "--record-mib",
        type=_positive,
        default=defaults.record_bytes / 2**20,
        help="record no more when a process has written so much, in MiB (default: %(default)g)",
    )
    result.add_argument("--late", action="store_true", help=argparse.SUPPRESS)  # for a worker among several
    result.add_argument("--life-fd", type=_natural, help=argparse.SUPPRESS)  # from the process that watches the workers
    result.add_argument("--beat-fd", type=_natural, help=argparse.SUPPRESS)  # the same
    result.add_argument("--slot", type=_natural, help=argparse.SUPPRESS)  # the same
    result.add_argument("--access-log", action="store_true", help="log each request")
    result.add_argument(
        "--deployment", metavar="LABEL", help="a mark of ownership in the list of processes; the server ignores it"
    )
    return result


def _add_edge(result: argparse.ArgumentParser, defaults: Settings) -> None:
    """Add what browsers and proxies in front need."""
    result.add_argument(
        "--root-path", default="", metavar="PREFIX", help="path prefix under which callers see the server: /models/iris"
    )
    result.add_argument(
        "--trusted-proxies",
        default="",
        metavar="NETWORK,...",
        help="where proxies are whose X-Forwarded-Prefix and X-Forwarded-For count: 10.0.0.0/8",
    )
    result.add_argument(
        "--cors-origins",
        default="",
        metavar="ORIGIN,...",
        help="origins whose pages may call the server: https://app.example, or * for any (default: none)",
    )
    result.add_argument("--no-compression", action="store_true", help="send answers as they are, also large ones")
    result.add_argument(
        "--keep-alive-s",
        type=_positive,
        default=defaults.keep_alive_s,
        help="seconds that a connection may be idle; more than any proxy in front keeps it (default: %(default)g)",
    )


def words_of(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the options that the environment has, as words of a command line.

    A container's command is its image's; its environment is the deployment's. Host and port are left out: Kubernetes
    sets ``MLEM_SERVER_PORT`` itself, to a URL, where a service is called mlem-server. Source: Kubernetes, "Service",
    section "Environment variables",
    https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables (read 2026-11).

    Raises:
        UserError: A flag is neither on nor off.
    """
    for name in _TUNING:
        value = environment.get(_variable(name))
        if value:
            yield f"--{name}={value}"
    for name in _FLAGS:
        value = environment.get(_variable(name), "").lower()
        if value in ("1", "true", "yes", "on"):
            yield f"--{name}"
        elif value not in ("", "0", "false", "no", "off"):
            raise UserError(f"${_variable(name)}: expected 1 or 0, got {value!r}")


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace("-", "_")


def port_number(text: str) -> int:
    """Read a TCP port.

    Raises:
        ArgumentTypeError: It is not a port number.
    """
    number = _natural(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return number


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _count(text: str) -> int:
    number = _natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("expected a whole number of at least 1, got 0")
    return number


def _positive_or_zero(text: str) -> float:
    return 0.0 if text == "0" else _positive(text)


def _share(text: str) -> float:
    number = _positive(text)
    if number > 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1, got {text!r}")
    return number


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number
