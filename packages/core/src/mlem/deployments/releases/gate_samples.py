"""What the gate asks a release, in a form that a state can keep: digests of the model's samples."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from mlem.state.state import GateSample

if TYPE_CHECKING:
    from mlem_model.models.model import Model


def asked_of(model: Model) -> dict[str, GateSample]:
    """Return the digests of what a release of a model is asked, and has to answer, by the names of the methods."""
    return {
        method: GateSample(question=_digest(sample.args), answer=_digest(sample.returns))
        for method, sample in model.samples.items()
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
