"""Start a simulator of Heroku, say how to use it, and run until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from mlem import MlemError
from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.limits import BOOT_TIMEOUT_S


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m mlem_heroku_simulator", description=__doc__)
    parser.add_argument(
        "--registry", default="127.0.0.1:5000", help="a registry without TLS on this machine (default: %(default)s)"
    )
    parser.add_argument("--api-port", type=int, default=5080, help="port of the API (default: %(default)s)")
    parser.add_argument("--router-port", type=int, default=5081, help="port of the router (default: %(default)s)")
    parser.add_argument(
        "--boot-timeout", type=float, default=BOOT_TIMEOUT_S, help="seconds until R10 (default: %(default)s)"
    )
    parser.add_argument(
        "--certificate", type=Path, help="PEM file with key and certificate for 127.0.0.1: `heroku run` needs TLS"
    )
    parser.add_argument("--schema", type=Path, help="Heroku's JSON schema of its API: validate every exchange")
    options = parser.parse_args()
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    try:
        simulator = HerokuSimulator(
            registry=options.registry,
            schema=options.schema,
            boot_timeout_s=options.boot_timeout,
            api_port=options.api_port,
            router_port=options.router_port,
            certificate=options.certificate,
        )
    except MlemError as error:
        print(
            f"error[{error.code}]: {error.message}",
            f"hint: {error.hint}" if error.hint else "",
            sep="\n",
            file=sys.stderr,
        )
        return error.exit_code
    with simulator:
        print("Heroku is simulated here until Ctrl-C. In another terminal, in your project:\n")
        print("export HEROKU_API_KEY=simulator")
        print(f"mlem declare env heroku staging {' '.join(simulator.options(''))}", flush=True)
        stop.wait()
    for violation in simulator.api.violations:
        print(violation, file=sys.stderr)
    return 1 if simulator.api.violations else 0


if __name__ == "__main__":
    sys.exit(main())
