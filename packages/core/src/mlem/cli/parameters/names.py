"""Names of objects on the command line, which a shell completes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mlem.project.overlays import deployments_below
from mlem.project.project import objects_of_kind

MOST = 500
"""At most this many names are offered."""


class ObjectName(click.types.StringParamType):
    """The name of a saved model, an env or a deployment.

    Args:
        kind: The object's kind: ``model``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with what is typed, as seen from the folder that names start from."""
        from itertools import islice

        folder = incomplete.rpartition("/")[0]
        prefix = f"{folder}/" if folder else ""
        base = Path(ctx.params.get("project") or ".") / folder
        if "://" in incomplete or incomplete.startswith("/") or not base.is_dir():
            return [CompletionItem(incomplete, type="file")]
        root = base.resolve()
        found = deployments_below(root) if self.kind == "deployment" else objects_of_kind(root, self.kind)
        fitting = (f"{prefix}{name}" for name, _ in found)
        return [
            CompletionItem(name) for name in islice((name for name in fitting if name.startswith(incomplete)), MOST)
        ]


def complete_objects(command: click.Command, kinds: dict[str, str]) -> None:
    """Let a shell complete options that name objects.

    Args:
        command: The command.
        kinds: Option -> kind: ``{"--model": "model"}``.
    """
    for parameter in command.params:
        kind: Any = next((kinds[option] for option in parameter.opts if option in kinds), None)
        if kind is not None:
            parameter.type = ObjectName(kind)
