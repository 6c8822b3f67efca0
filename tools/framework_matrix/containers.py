"""The image of a deployed model: its size, and how long a container of it takes until its model answers."""

from __future__ import annotations

import time

from mlem.clients.probe import ready
from mlem_provider_docker import Engine

MOST_S = 300.0


def size_mb(engine: Engine, image: str) -> float:
    """Return the size of an image in MB, its base included."""
    found = engine.image(image)
    return float(found["Size"]) / 1e6 if found else 0.0


def ready_s(engine: Engine, image: str, name: str) -> float:
    """Start a container of an image, and return the seconds until it is ready; it is removed.

    Raises:
        TimeoutError: It does not get ready.
    """
    id_ = engine.create(image, name, {"ports": {"8080/tcp": ("127.0.0.1", None)}})
    try:
        started = time.perf_counter()
        engine.start(id_, name)
        while True:
            found = engine.container(id_) or {}
            ports = found.get("NetworkSettings", {}).get("Ports", {}).get("8080/tcp")
            if ports and ready(f"http://127.0.0.1:{ports[0]['HostPort']}", 2, direct=True)[0]:
                return time.perf_counter() - started
            if time.perf_counter() - started > MOST_S:
                raise TimeoutError(f"not ready after {MOST_S:.0f} s")
            time.sleep(0.02)
    finally:
        engine.remove_container(id_)
