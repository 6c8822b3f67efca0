"""The command ``mlem-server``: options and environment become settings, errors become text and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlem.errors import MlemError, UserError
from mlem.trust import FORMATS_VARIABLE, Trust
from mlem_server.auth import TOKENS_VARIABLE, read_tokens
from mlem_server.settings import DEFAULT_PORT, Settings

MODEL_VARIABLE = "MLEM_MODEL"
PORT_VARIABLE = "PORT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` when None.

    Returns:
        The exit code, as `mlem.errors` has it: 0 after SIGTERM, 4 when an artifact is not the saved one, 8 for a wrong sample answer.
    """
    options = parser().parse_args(arguments)
    try:
        model = model_of(options.model, os.environ)
        settings = settings_of(options, os.environ)
        # late: --help and a wrong option need no server
        if options.workers > 1:
            from mlem_server.workers import Workers

            return Workers(sys.argv[1:] if arguments is None else arguments, options.workers, settings).run()
        from mlem_server.server import serve

        serve(model, settings)
    except MlemError as error:
        print(render(error), file=sys.stderr)
        return error.exit_code
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    defaults = Settings()
    result = argparse.ArgumentParser(
        prog="mlem-server",
        description="Serve a saved model over HTTP.",
        epilog=f"environment: {MODEL_VARIABLE} (the model), {PORT_VARIABLE} (the port), {TOKENS_VARIABLE} (bearer tokens)",
        allow_abbrev=False,
    )
    result.add_argument("model", nargs="*", metavar="MODEL", help="path of <name>.mlem or <name>; SageMaker's word `serve` is ignored")
    result.add_argument("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    result.add_argument("--port", type=_port, help=f"TCP port, 0 takes a free one (default: ${PORT_VARIABLE}, then {DEFAULT_PORT})")
    result.add_argument("--fd", type=_natural, help="file descriptor of a bound socket, instead of --host and --port")
    result.add_argument("--token-file", type=Path, help=f"file of bearer tokens, one a line (default: ${TOKENS_VARIABLE})")
    result.add_argument(
        "--max-body-mib",
        type=_positive,
        default=defaults.max_body_bytes / 2**20,
        help="largest request body, in MiB (default: %(default)g)",
    )
    result.add_argument(
        "--max-queue", type=_natural, default=defaults.max_queue, help="calls that may wait for the model (default: %(default)s)"
    )
    result.add_argument(
        "--request-timeout-s", type=_positive, default=defaults.request_timeout_s, help="seconds to answer a request (default: %(default)g)"
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
        help="the most rows that calls which wait are joined to, 1 joins none (default: %(default)s)",
    )
    result.add_argument("--workers", type=_natural, default=1, help="processes, each with the model in its memory (default: %(default)s)")
    result.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate and its chain, PEM: serve HTTPS")
    result.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate, PEM, where it is in a file of its own")
    result.add_argument(
        "--formats",
        metavar="WORD,...",
        help=f"formats of artifacts that are trusted, for example skops,onnx (default: ${FORMATS_VARIABLE}, then all that are known)",
    )
    result.add_argument("--log-format", choices=("text", "json"), default=defaults.log_format, help="(default: %(default)s)")
    result.add_argument("--traces", action="store_true", help="send spans by OpenTelemetry (needs mlem-server[traces])")
    result.add_argument("--life-fd", type=_natural, help=argparse.SUPPRESS)  # of the process that watches the workers
    result.add_argument("--access-log", action="store_true", help="log each request")
    result.add_argument("--deployment", metavar="LABEL", help="a mark of ownership in the list of processes; the server ignores it")
    return result


def model_of(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the path of the model.

    SageMaker starts a container with the argument ``serve``. Source:
    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How SageMaker AI Runs Your Inference Image".

    Args:
        words: The positional arguments.
        environment: Where the model may be named instead.

    Raises:
        UserError: No model is named, or several are.
    """
    names = list(words[:-1] if words and words[-1] == "serve" else words)
    if len(names) > 1:
        raise UserError(f"one model can be served, {len(names)} were named: {' '.join(names)}")
    if names:
        return names[0]
    if not environment.get(MODEL_VARIABLE):
        raise UserError("no model is named", hint=f"mlem-server MODEL, or set {MODEL_VARIABLE}")
    return environment[MODEL_VARIABLE]


def settings_of(options: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Args:
        options: The parsed command line.
        environment: Where port and tokens may be.

    Raises:
        UserError: A variable has a value that can't be used.
    """
    port = options.port
    if port is None and options.fd is None and environment.get(PORT_VARIABLE):
        try:
            port = _port(environment[PORT_VARIABLE])
        except argparse.ArgumentTypeError as error:
            raise UserError(f"${PORT_VARIABLE}: {error}") from error
    return Settings(
        host=options.host,
        port=DEFAULT_PORT if port is None else port,
        fd=options.fd,
        tokens=read_tokens(options.token_file, environment),
        max_body_bytes=int(options.max_body_mib * 2**20),
        max_queue=options.max_queue,
        request_timeout_s=options.request_timeout_s,
        shutdown_timeout_s=options.shutdown_timeout_s,
        access_log=options.access_log,
        header_timeout_s=options.header_timeout_s,
        max_batch_rows=options.max_batch_rows,
        tls_certificate=options.tls_cert,
        tls_key=options.tls_key,
        log_format=options.log_format,
        trust=Trust.of_environment(environment if options.formats is None else {**environment, FORMATS_VARIABLE: options.formats}),
        traces=options.traces,
        life_fd=options.life_fd,
    )


def render(error: MlemError) -> str:
    """Write an error as the ``mlem`` command does: code and message, known values, hint."""
    lines = [f"error[{error.code}]: {error.message}"]
    if error.known:
        lines.append(f"known: {', '.join(error.known)}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _port(text: str) -> int:
    number = _natural(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return number


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number
