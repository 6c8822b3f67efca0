"""PyTorch without CUDA for images: from an index, or from a folder of this machine."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework_matrix.kind import Kind
from mlem_provider_docker import EngineAddress, connect


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


@contextmanager
def arguments(folder: Path | None, index: str | None) -> Iterator[list[str]]:
    """Return the arguments for pip in an image that has PyTorch.

    Args:
        folder: A folder with wheels, which the Engine's containers get for a time; None for none.
        index: The address of an index, which is asked too.
    """
    asked = [] if index is None else [f"--extra-index-url={index}"]
    if folder is None:
        yield asked
        return
    bridge = connect(EngineAddress().endpoint()).api.inspect_network("bridge")
    host = str(bridge["IPAM"]["Config"][0]["Gateway"])
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield [*asked, f"--find-links=http://{host}:{server.server_port}/", f"--trusted-host={host}"]
        finally:
            server.shutdown()
            thread.join()


def needs_torch(kind: Kind) -> bool:
    """Say whether an image of a kind has PyTorch."""
    return "torch" in kind.packages
