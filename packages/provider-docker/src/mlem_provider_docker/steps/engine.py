"""The Engine of a step's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import ConflictError
from mlem_provider_docker.records import ContainerRecord, ImageRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.deployment import DockerContext


def engine_of_record(ctx: DockerContext, record: ImageRecord | ContainerRecord | None) -> Engine:
    """Return the Engine of a record; that of the env without one."""
    from mlem_provider_docker.api.sdk import connect

    return connect(ctx.env.at(record.engine if record else ctx.env.where).endpoint())


def expect_same_engine(
    ctx: DockerContext, wanted: ImageRecord | ContainerRecord, recorded: ImageRecord | ContainerRecord | None
) -> None:
    """Refuse a deployment whose env has moved to another Engine; another address of the same one is fine.

    Raises:
        ConflictError: It is on record elsewhere.
    """
    if recorded is None or recorded.engine == wanted.engine:
        return
    there, here = (engine_of_record(ctx, record).place() for record in (recorded, wanted))
    if there.id != here.id:
        raise ConflictError(
            f'"{ctx.name}" is on {there.words}, and its env is {here.words} now',
            code="other-engine",
            hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
        )
