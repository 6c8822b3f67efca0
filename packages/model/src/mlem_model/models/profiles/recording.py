"""Recording the profile of a model's sample data when it is saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlem_model.artifacts.destinations.rules import aside_names
from mlem_model.artifacts.trust import PROFILE
from mlem_model.errors import UserError
from mlem_model.models.calls.arguments import match_sample
from mlem_model.models.model import Model
from mlem_model.models.profiles.profile import Profile


def with_profile(model: Model, sample_of: Callable[[str], Any], path: Path) -> Model:
    """Record what the sample data of a model looks like, in a file beside its artifact.

    Args:
        model: The model.
        sample_of: Returns what a method is called with, by its name.
        path: The artifact.

    Returns:
        The model with that file.

    Raises:
        UserError: There are no columns to describe.
    """
    found = Profile.of(
        model.methods,
        {name: match_sample(list(method.args), sample_of(name), name) for name, method in model.methods.items()},
    )
    if not found.inputs:
        raise UserError(
            "the sample data has no columns to profile: rows of tables and lists have some, and plain arguments",
            code="no-columns",
            hint="save it without profile=True",
        )
    artifact = found.write(path.with_name(aside_names(path.name)[PROFILE]))
    return model.model_copy(update={"artifacts": {**model.artifacts, PROFILE: artifact}})
