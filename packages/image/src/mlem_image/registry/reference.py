"""`Reference`: the name of an image in a registry."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlem import UserError

DOCKER_HUB = "registry-1.docker.io"
MIRROR_VARIABLE = "MLEM_IMAGE_MIRROR"
"""Where there is a copy of Docker Hub: a registry, with the path that comes before the names there."""
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Reference:
    """A name.

    Attributes:
        host: The registry, as it is connected to: ``registry.example.com:5000``.
        repository: The name there, without tag: ``library/python``.
        tag: The tag; empty where there is a digest alone.
        digest: The digest, ``sha256:...``; empty for none.
    """

    host: str
    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def parse(cls, name: str) -> Reference:
        """Read a name as the docker command does.

        Source: https://pkg.go.dev/github.com/distribution/reference (read 2026-11).

        Raises:
            UserError: It is none.
        """
        rest, _, digest = name.partition("@")
        first, slash, others = rest.partition("/")
        has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        host, path = (first, others) if has_host else ("docker.io", rest)
        repository, colon, tag = path.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = path, "" if digest else "latest"
        if not repository or not host or not name.isprintable():
            raise UserError(f"{name[:200]!r} is not the name of an image", code="bad-image")
        if host in _HUB_NAMES:
            host, repository = DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
        return cls(host, repository, tag, digest)

    @property
    def version(self) -> str:
        """What is asked for: the digest, or the tag."""
        return self.digest or self.tag

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine: then it needs no TLS, as with the Engine."""
        return is_local(self.host)

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")


def is_local(host: str) -> bool:
    """Whether a host, with its port or without, is this machine."""
    name = re.sub(r":\d*$", "", host) if not host.endswith("]") else host
    return name in ("localhost", "[::1]") or re.fullmatch(r"127(\.\d+){3}", name, re.ASCII) is not None


def mirrored(reference: Reference, environment: Mapping[str, str] = os.environ) -> Reference:
    """Return where an image is taken from: one of Docker Hub's from a copy of it, where the environment names one.

    Args:
        reference: The image.
        environment: Names the copy: ``registry.example.com/hub`` has ``hub/library/python``.

    Raises:
        UserError: The name is none of a registry.
    """
    mirror = environment.get(MIRROR_VARIABLE, "").strip("/")
    if not mirror or reference.host != DOCKER_HUB:
        return reference
    host, _, path = mirror.partition("/")
    if "://" in mirror or not mirror.isprintable() or not ("." in host or ":" in host or host == "localhost"):
        raise UserError(
            f"{MIRROR_VARIABLE} is no registry as in an image's name: {mirror[:200]!r}",
            code="bad-image",
            hint="for example registry.example.com/hub",
        )
    return replace(reference, host=host, repository=f"{path}/{reference.repository}".lstrip("/"))
