"""``mlem deployment exec`` and ``shell``: a command where the model is served."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import project_option
from mlem.deployments.access.commands import SHELL
from mlem.deployments.handle import DeploymentHandle
from mlem_model.errors import UserError


@click.command("exec")
@click.argument("name", type=ObjectName("deployment"))
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("--tty", "-t", is_flag=True, help="Give the command a terminal: yours.")
@click.option("--no-stdin", "-n", is_flag=True, help="Let the command read nothing.")
@overlay_option()
@state_option
@project_option
def exec_(
    name: str, command: tuple[str, ...], tty: bool, no_stdin: bool, store: str | None, project: str | None
) -> int:
    """Run a command where the model is served, with your input, its output and its exit code.

    mlem deployment exec iris-app -- python -m pip list
    """
    if tty:
        _expect_terminal("mlem deployment exec NAME -- COMMAND, without --tty")
    return _run(handle(name, project, store), command, tty=tty, reads=not no_stdin)


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@state_option
@project_option
def shell(name: str, store: str | None, project: str | None) -> int:
    """Open a shell where the model is served; it gets every key, Ctrl-C too."""
    _expect_terminal(f"mlem deployment exec {name} -- COMMAND")
    return _run(handle(name, project, store), SHELL, tty=True, reads=True)


def _expect_terminal(instead: str) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("stdin and stdout are no terminal here", code="no-terminal", hint=instead)


def _run(one: DeploymentHandle, command: Sequence[str], *, tty: bool, reads: bool) -> int:
    sys.stdout.flush()
    with _bytes_of(1) as stdout, _bytes_of(2) as stderr:
        return one.exec(command, stdin=sys.stdin.buffer if reads else None, stdout=stdout, stderr=stderr, tty=tty)


def _bytes_of(descriptor: int) -> BinaryIO:
    """Open a standard stream once more, for bytes as they are: what plugins print goes to stderr meanwhile."""
    return os.fdopen(os.dup(descriptor), "wb", buffering=0)
