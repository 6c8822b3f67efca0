"""Start what the Docker tests need, on a Debian machine as root: an Engine, the base image, a registry, docker-compose.

    python tools/engine/start.py [--registry-port 5000]

Safe to run twice: what is there is used. Nothing is stopped in the end; `stop.py` stops what this started. Prints, as
``KEY=value`` lines, what the tests take from the environment.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import base_image
import daemon
import registry
from machine import need


def main() -> int:
    """Start everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--registry-port",
        type=int,
        default=registry.PORT,
        help="port of the registry, on 127.0.0.1 (default: %(default)s)",
    )
    options = parser.parse_args()
    daemon.start()
    base_image.provide()
    need("docker-compose", "docker-compose")  # SageMaker's local mode runs containers by it
    print(f"MLEM_TEST_REGISTRY={registry.start(options.registry_port)}")
    print("MLEM_REQUIRE_ENGINE=1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
