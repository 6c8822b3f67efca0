"""The hooks."""

from __future__ import annotations

from typing import Any

from mlem import hookimpl

api_version = 1


@hookimpl
def mlem_envs() -> list[type[Any]]:
    from mlem_provider_paper.deployment import PaperEnv

    return [PaperEnv]


@hookimpl
def mlem_deployments() -> list[type[Any]]:
    from mlem_provider_paper.deployment import PaperService

    return [PaperService]


@hookimpl
def mlem_clients() -> list[type[Any]]:
    from mlem_provider_paper.deployment import PaperClient

    return [PaperClient]


@hookimpl
def mlem_builders() -> list[type[Any]]:
    from mlem_provider_paper.deployment import PaperBuilder

    return [PaperBuilder]
