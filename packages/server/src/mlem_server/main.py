"""The command ``mlem-server``: options and environment become settings, errors become text and exit codes."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlem_model.artifacts.trust import FORMATS_VARIABLE, Trust
from mlem_model.errors import MlemError, UserError
from mlem_server.edge.proxies import networks, prefix_of
from mlem_server.http.auth import read_tokens
from mlem_server.options import MODEL_VARIABLE, PORT_VARIABLE, parser, port_number, words_of
from mlem_server.process.exit_codes import HANG_EXIT_CODE
from mlem_server.process.failures import report
from mlem_server.process.threads import limit_threads
from mlem_server.settings import DEFAULT_PORT, Settings

SAGEMAKER_WORD = "serve"
"""How SageMaker starts a container: then only its agent calls, for callers that IAM has admitted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` when None.

    Returns:
        The exit code, as `mlem_model.errors` has it: 0 after SIGTERM, 4 when an artifact is not the saved one, 8 for a
        wrong sample answer; 11, without returning, for a model that hangs.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser().parse_intermixed_args([*words_of(os.environ), *given])
        models = models_of(options.model, os.environ)
        settings = settings_of(options, os.environ)
        told = limit_threads(os.environ, options.workers)  # before a library is imported that counts processors
        # late: --help and a wrong option need no server
        if options.workers > 1:
            from mlem_server.supervision.workers import Workers

            return Workers(given, models, options.workers, settings).run(told)
        gc.disable()  # what is imported now stays; it is enabled again with the model
        from mlem_server.process.memory import share_one_heap
        from mlem_server.process.signals import has_terminal
        from mlem_server.supervision.guard import guarded
        from mlem_server.telemetry.logs import report_faults

        if settings.beat_fd is None:
            settings = replace(settings, beat_fd=guarded(settings.hang_bound_s, settings.log_format))
        report_faults()
        share_one_heap()
        if not has_terminal():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it means "read files again" to a server; it must not end it
        if settings.slot is not None:
            from mlem_server.telemetry.worker_numbers import keep_under

            keep_under(settings.slot)
        from mlem_server.server import serve

        serve(models, settings, told=told)
    except MlemError as error:
        code = report(error)
        if code == HANG_EXIT_CODE:  # exiting normally would wait for the model's thread, or for its libraries' handlers
            os._exit(code)
        return code
    finally:
        gc.enable()
    return 0


def models_of(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the paths of the models.

    SageMaker starts a container with the argument ``serve``. Source:
    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, "How SageMaker AI Runs Your
    Inference Image".

    Args:
        words: The positional arguments.
        environment: Where the model may be named instead.

    Raises:
        UserError: No model is named.
    """
    names = list(words[:-1] if words and words[-1] == SAGEMAKER_WORD else words)
    if names:
        return names
    if not environment.get(MODEL_VARIABLE):
        raise UserError("no model is named", hint=f"mlem-server MODEL, or set {MODEL_VARIABLE}")
    return [environment[MODEL_VARIABLE]]


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
            port = port_number(environment[PORT_VARIABLE])
        except argparse.ArgumentTypeError as error:
            raise UserError(f"${PORT_VARIABLE}: {error}") from error
    return Settings(
        host=options.host,
        port=DEFAULT_PORT if port is None else port,
        fd=options.fd,
        unix_socket=options.unix_socket,
        root_path=prefix_of(options.root_path),
        trusted_proxies=networks(options.trusted_proxies.split(",")),
        cors_origins=tuple(filter(None, (origin.strip().rstrip("/") for origin in options.cors_origins.split(",")))),
        compression=not options.no_compression,
        keep_alive_s=options.keep_alive_s,
        tokens=read_tokens(options.token_file, environment),
        token_file=options.token_file,
        platform_knows_callers=options.model[-1:] == [SAGEMAKER_WORD],
        max_body_bytes=int(options.max_body_mib * 2**20),
        max_bodies_bytes=int((options.max_bodies_mib or 8 * options.max_body_mib) * 2**20),
        max_decoded_bytes=int((options.max_decoded_mib or max(64, 4 * options.max_body_mib)) * 2**20),
        max_connections=options.max_connections,
        max_head_bytes=int(options.max_head_kib * 2**10),
        max_headers=options.max_headers,
        max_target_bytes=int(options.max_target_kib * 2**10),
        max_queue=options.max_queue,
        max_calls_per_caller=options.max_calls_per_caller,
        request_timeout_s=options.request_timeout_s,
        shutdown_timeout_s=options.shutdown_timeout_s,
        access_log=options.access_log,
        drift=options.drift,
        record=options.record,
        record_share=options.record_share,
        record_bytes=int(options.record_mib * 2**20),
        slow_call_s=options.slow_call_s,
        reload=options.reload,
        header_timeout_s=options.header_timeout_s,
        max_batch_rows=options.max_batch_rows,
        tls_certificate=options.tls_cert,
        tls_key=options.tls_key,
        log_format=options.log_format,
        hide_model_errors=options.hide_model_errors,
        strict=options.strict,
        trust=Trust.of_environment(
            environment if options.formats is None else {**environment, FORMATS_VARIABLE: options.formats}
        ),
        fork=not options.no_fork,
        traces=options.traces,
        late=options.late,
        life_fd=options.life_fd,
        beat_fd=options.beat_fd,
        slot=options.slot,
        hang_timeout_s=_hang_timeout_s(options),
    )


def _hang_timeout_s(options: argparse.Namespace) -> float | None:
    bound_s: float | None = options.hang_timeout_s
    if bound_s and bound_s < options.request_timeout_s:
        raise UserError(
            f"--hang-timeout-s: {bound_s:g} s is less than the {options.request_timeout_s:g} s that a call may take",
            hint="set it to at least the value of --request-timeout-s, or to 0 for no limit, or leave it out",
        )
    return bound_s
