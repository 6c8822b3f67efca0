"""Deployments that a command is about, from what it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_of_several, under
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.overview.selection import Selected, is_folder, select
from mlem.project.overlays import locate_deployment
from mlem_model.errors import UserError

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

AT_ONCE = 8
"""How many deployments are worked on at once, unless something else is asked for."""


def state_option(command: CommandT) -> CommandT:
    """Add ``--state`` to a command that can do without a declaration."""
    return click.option(
        "--state",
        "store",
        metavar="URI",
        help='Take the deployment from its state in this store, without a declaration; "local" for files.',
    )(command)


def names_argument(command: CommandT) -> CommandT:
    """Add names, ``--all`` and ``--overlay`` to a command that can do its work with several deployments at once."""
    all_ = click.option("--all", "everything", is_flag=True, help="All that are declared in the project.")
    names = click.argument("names", nargs=-1, type=ObjectName("deployment"), metavar="[NAME|FOLDER]...")
    return names(all_(overlay_of_several(command)))


def parallel_option(command: CommandT) -> CommandT:
    """Add ``--parallel`` to a command that changes several deployments at once."""
    return click.option(
        "--parallel", type=click.IntRange(min=1), default=AT_ONCE, metavar="N", help="With several: how many at once."
    )(command)


def chosen(
    names: Sequence[str],
    everything: bool,
    project: str | None,
    store: str | None = None,
    overlay: str | None = None,
) -> tuple[Sequence[Selected], bool]:
    """Return the deployments that a command is about, and whether it was asked about a single one, by its name.

    Raises:
        UserError: None is named.
        NotFoundError: A folder has none.
    """
    if not names and not everything:
        raise UserError("which deployment?", hint="name one or several, a folder, or --all")
    folders = [store is None and is_folder(name, project) for name in names]
    full = [name if folder else under(name, overlay) for name, folder in zip(names, folders, strict=True)]
    found = select(full, project, everything=everything, state=store, overlay=overlay)
    return found, not everything and len(names) == 1 and not any(folders)


def handle(name: str, project: str | None, store: str | None = None, **options: Any) -> DeploymentHandle:
    """Return a handle of a declared deployment, or of one in a store."""
    if store is not None:
        return DeploymentHandle.in_store(name, store, project, **options)
    return DeploymentHandle.of(locate_deployment(name, project), **options)
