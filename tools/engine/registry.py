"""A registry without TLS on 127.0.0.1: Debian's docker-registry, which Engines push to without further ado."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

from machine import CACHE, RUN, background, need, note, wait_for

PORT = 5000

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
"""


def answers(port: int) -> bool:
    """Whether a registry answers at a port of 127.0.0.1."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as response:
            return bool(response.headers.get("Docker-Distribution-Api-Version") == "registry/2.0")
    except (urllib.error.URLError, OSError):
        return False


def start(port: int = PORT) -> str:
    """Start a registry unless one answers; return its ``host:port``.

    A free port is taken where another program has this one.
    """
    if answers(port):
        note("the registry answers already")
        return f"127.0.0.1:{port}"
    program = need("docker-registry", "docker-registry")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    RUN.mkdir(parents=True, exist_ok=True)
    config = RUN / "registry.yml"
    config.write_text(_CONFIG.format(root=CACHE / "registry", port=port))
    log = background("registry", [program, "serve", str(config)])
    wait_for("docker-registry", lambda: answers(port), log)
    note("the registry is started")
    return f"127.0.0.1:{port}"


if __name__ == "__main__":
    print(start())
