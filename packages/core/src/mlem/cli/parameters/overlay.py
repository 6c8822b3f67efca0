"""``--overlay``: the overlay of the deployment that a command names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from mlem.project.overlays import VARIABLE, has_overlay, locate_deployment, named, overlays_of
from mlem_model.errors import MlemError, UserError

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def overlay_option(parameter: str = "name") -> Callable[[CommandT], CommandT]:
    """Add ``--overlay`` to a command, which gets the name of the deployment under it: ``app@prod``.

    Args:
        parameter: The parameter that has the deployment's name.
    """

    def add(command: CommandT) -> CommandT:
        @functools.wraps(command)
        def under_overlay(*arguments: Any, overlay: str | None, **given: Any) -> Any:
            given[parameter] = under(given[parameter], overlay)
            return command(*arguments, **given)

        made: CommandT = _option(parameter)(under_overlay)  # type: ignore[assignment]  # it takes what the command takes
        return made

    return add


def overlay_of_several(command: CommandT) -> CommandT:
    """Add ``--overlay`` to a command that takes several names and folders, which gets it as ``overlay``."""
    return _option("names")(command)


def _option(parameter: str) -> Callable[[CommandT], CommandT]:
    return click.option(
        "--overlay",
        metavar="OVERLAY",
        envvar=VARIABLE,
        default=None,
        show_envvar=True,
        shell_complete=_complete(parameter),
        help="Lay NAME.OVERLAY.mlem over NAME.mlem; NAME@OVERLAY means the same.",
    )


def under(name: str, overlay: str | None) -> str:
    """Return the name under an overlay; the variable says nothing of a name that has one."""
    typed = click.get_current_context().get_parameter_source("overlay") is ParameterSource.COMMANDLINE
    if not overlay:
        return name
    if not has_overlay(name):
        return named(name, overlay)
    if typed:
        raise UserError(f"{name} has an overlay in its name", hint=f"leave out --overlay {overlay}")
    return name


def _complete(parameter: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what offers the overlays of the deployment that was typed."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = ctx.params.get(parameter) or next(iter(ctx.args), "")
        typed = given if isinstance(given, str) else given[-1]  # an option without its value ends the parsing
        try:
            place = locate_deployment(str(typed), ctx.params.get("project"))
        except MlemError:
            return []
        return [CompletionItem(word) for word in overlays_of(place.path) if word.startswith(incomplete)]

    return complete
