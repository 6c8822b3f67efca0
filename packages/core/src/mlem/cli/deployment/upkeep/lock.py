"""``mlem deployment lock``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.state.locks.owner import is_dead


@click.group()
def lock() -> None:
    """Show, take or release the lock of a deployment."""


@lock.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@project_option
@output_option
def show(name: str, project: str | None, output: str) -> None:
    """Show who holds the lock, what for, since when, and until when."""
    one = handle(name, project)
    holder = one.holder()
    if holder is None:
        print_result(output, None, "not locked")
        return
    dead = is_dead(holder)
    if holder.manual:
        until = f"until it is released: mlem deployment lock release {name} --id {holder.id}"
    elif dead:
        until = "its process is gone: the next command takes over"
    elif one.target.manager.shared:
        until = f"until it is done, or has given no sign of life for {holder.ttl_s:g} s"
    else:
        until = "until its process ends"
    print_result(output, {**holder.model_dump(), "dead": dead, "until": until}, f"{holder.describe()}\n{until}")


@lock.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--message", default="", help="The reason, for other people.")
@project_option
@lock_options
@output_option
def hold(
    name: str, message: str, project: str | None, lock_timeout: float | None, lock_id: str | None, output: str
) -> None:
    """Take the lock by hand: no run can get it until it is released."""
    holder = handle(name, project, lock=lock_of(lock_timeout, lock_id)).hold(message)
    print_result(
        output, holder.model_dump(), f"locked; release it with: mlem deployment lock release {name} --id {holder.id}"
    )


@lock.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--id", "id_", default=None, help="Release it only if it has this id.")
@project_option
@output_option
def release(name: str, id_: str | None, project: str | None, output: str) -> None:
    """Release a lock that was taken by hand; with its id, even the lock of a command that is known to be dead."""
    released = handle(name, project).release_lock(id_)
    print_result(
        output,
        released.model_dump() if released else None,
        f"released {released.describe()}" if released else "not locked",
    )
