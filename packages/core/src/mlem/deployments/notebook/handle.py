"""A deployment's handle as a notebook shows it: what is declared, without asking a store or a platform for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem_model.objects.html import fields

if TYPE_CHECKING:
    from mlem.deployments.handle import DeploymentHandle


def handle_in_html(handle: DeploymentHandle) -> str:
    """Return a table of what is declared: a cell of a notebook may be shown at any time, so nothing is asked."""
    declared = handle.deployment
    return fields(
        f"deployment {handle.name}",
        [
            ("type", declared.type),
            ("model", declared.model),
            ("env", declared.env if isinstance(declared.env, str) else handle.target.env.type),
            ("file", str(handle.target.location)),
        ],
    )
