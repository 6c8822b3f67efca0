"""What is installed: plugins, the types of each kind, and their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import UserError
from mlem_model.objects.fields import FieldDescription, describe_fields
from mlem_model.plugins.registry import KINDS, registry


@dataclass(frozen=True)
class InstalledPlugin:
    """A plugin, and what it brings.

    Attributes:
        name: Its name.
        distribution: What was installed, with its version.
        types: The words of its types, by kind.
        problem: Why it is broken; empty where it is not.
        clashes: What it has in common with others, and should not.
        off: Whether it is switched off by ``MLEM_DISABLE_PLUGINS``.
        import_s: How long its import took, in seconds.
        traces: The tracebacks of what is broken.
    """

    name: str
    distribution: str
    types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problem: str = ""
    clashes: Sequence[str] = ()
    off: bool = False
    import_s: float = 0.0
    traces: Sequence[str] = ()


def plugins() -> Sequence[InstalledPlugin]:
    """Return the installed plugins, the broken ones too, as ``mlem plugins`` lists them."""
    found, clashes = registry().plugins(), registry().clashes()
    return [
        InstalledPlugin(
            plugin.name,
            plugin.distribution,
            {kind: [str(cls.type) for cls in classes] for kind, classes in plugin.classes.items() if classes},
            plugin.problem or "",
            [str(clash) for clash in clashes if any(bearer.plugin is plugin for bearer in clash.bearers)],
            plugin.off,
            plugin.import_s,
            list(plugin.traces),
        )
        for plugin in found
    ]


def types() -> Mapping[str, Sequence[str]]:
    """Return the installed types by kind, as ``mlem types`` lists them: ``types()["deployment"]``."""
    return {kind: sorted(registry().all(kind)) for kind in KINDS}


def fields(kind: str, type_: str) -> Sequence[FieldDescription]:
    """Return the fields of a type, with units, defaults and help, as ``mlem types KIND TYPE`` shows them.

    Args:
        kind: ``env``, ``deployment``, ``state_manager``, ``client``, ``builder`` or ``model_type``.
        type_: The type; where a deployment type is asked for, an env type stands for its default one.

    Raises:
        UserError: There is no such kind.
        PluginError: The type is not installed.
    """
    known = next((name for name in KINDS if name == kind.replace("-", "_")), None)
    if known is None:
        raise UserError(f'no kind "{kind}"', code="unknown-kind", known=KINDS)
    cls: Any = deployment_class(type_) if known == "deployment" else registry().get(known, type_)
    return list(describe_fields(cls)) if issubclass(cls, BaseModel) else []
