"""Connections to registries, each with what the docker command knows of who asks."""

from __future__ import annotations

import functools

from mlem_image.registry.credentials import stored
from mlem_image.registry.http import Connection
from mlem_image.registry.reference import Reference


@functools.cache
def _connection(host: str, plain: bool) -> Connection:
    return Connection(host, stored(host), plain=plain)


def connect(reference: Reference) -> Connection:
    """Return the connection to the registry of an image."""
    return _connection(reference.host, reference.is_local)
