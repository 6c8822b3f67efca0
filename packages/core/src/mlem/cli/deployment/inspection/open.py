"""``mlem deployment open``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem_model.errors import NotFoundError, UserError


@click.command("open")
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@state_option
@project_option
@output_option
def open_(name: str, store: str | None, project: str | None, output: str) -> None:
    """Open the page of a deployment in the browser, and print its address."""
    one = handle(name, project, store)
    url = one.address()
    if url is None:
        if one.status().phase == "not_deployed":
            hint = f"mlem deployment run --load {name}"
            raise NotFoundError(f'"{name}" is not deployed', code="not-deployed", hint=hint)
        hint = f"call it: mlem deployment apply {name} DATA"
        raise UserError(f"a {one.deployment.type} deployment has no page", code="no-address", hint=hint)
    print_result(output, {"name": name, "url": url}, url)
    if not url.startswith(("http://", "https://")) or click.launch(url) != 0:
        say("no browser could be opened here", err=True)
