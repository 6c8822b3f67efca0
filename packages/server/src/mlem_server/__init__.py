"""The HTTP server inside every mlem deployment: `serve` runs it with `Settings`; ``mlem-server`` is its command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_server.http.auth import protected
    from mlem_server.server import serve
    from mlem_server.settings import Settings

__all__ = ["Settings", "protected", "serve"]


def __getattr__(name: str) -> Any:
    if name == "serve":  # late: the server and the model's metadata are loaded only by those who serve
        from mlem_server.server import serve

        return serve
    if name == "Settings":
        from mlem_server.settings import Settings

        return Settings
    if name == "protected":
        from mlem_server.http.auth import protected

        return protected
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
