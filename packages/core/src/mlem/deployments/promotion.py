"""`Promotion`: the release of one deployment that another one is to serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlem.state.record import RecordT, record_in


@dataclass(frozen=True)
class Promotion:
    """A release that passed its gate somewhere, and goes to another deployment as it is.

    Attributes:
        source: The name of the deployment that it is of.
        release: Its number there.
        model_hash: The digest of its model.
        lineage: The identity of that deployment.
        declaration: As it was deployed there.
        records: What each step made there, by step name; empty for a deployment of another type, whose resources mean
            nothing here.
    """

    source: str
    release: int
    model_hash: str
    lineage: str
    declaration: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def record_of(self, record: type[RecordT]) -> RecordT | None:
        """Return what a step made there; None where it made nothing.

        Args:
            record: The class that the step declares.
        """
        return record_in(self.records, record)

    def describe(self) -> str:
        """Say which release it is."""
        return f"promoted from {self.source}, release {self.release}"
