"""`Adopted`: what MLEM 0.4 deployed and left on a platform, as records of this version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlem.state.record import Record


@dataclass(frozen=True)
class Adopted:
    """What of a deployment of MLEM 0.4 is taken over.

    Attributes:
        what: It in words: ``the container myc (0123456789ab)``.
        records: The record of each step that it stands for.
        fields: Fields that the declaration needs for the next run to find it, where it has no others.
        notes: What its owner should know, one sentence each.
    """

    what: str
    records: Sequence[Record]
    fields: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
