"""Connections to registries, each with what the docker command knows of who asks, or with what a platform gave."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from pydantic import SecretStr

from mlem_image.registry.credentials import Credentials, stored
from mlem_image.registry.http import Connection
from mlem_image.registry.reference import Reference


@functools.cache
def _connection(host: str, plain: bool) -> Connection:
    return Connection(host, stored(host), plain=plain)


def connect(reference: Reference) -> Connection:
    """Return the connection to the registry of an image."""
    return _connection(reference.host, reference.is_local)


def connect_as(reference: Reference, credentials: Mapping[str, str] | None) -> Connection:
    """Return the same for a user of the platform that the registry belongs to.

    Args:
        reference: The image.
        credentials: ``username`` and ``password``; None for docker's own.
    """
    if credentials is None:
        return connect(reference)
    who = Credentials(credentials["username"], SecretStr(credentials["password"]))
    return Connection(reference.host, who, plain=reference.is_local)
