"""The installed types of each kind, and their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from mlem.deployments.resolving.resolve import deployment_class
from mlem_model.errors import UserError
from mlem_model.objects.fields import FieldDescription, describe_fields
from mlem_model.plugins.registry import KINDS, registry


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
