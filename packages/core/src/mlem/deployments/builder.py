"""`Builder`: makes an artifact from a model, for example a Docker image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mlem_model.objects.object import MlemObject

if TYPE_CHECKING:
    from mlem_model.models.model import Model


class Builder(MlemObject, ABC):
    """Makes an artifact from a model; its fields are the options of ``mlem build TYPE MODEL``."""

    object_type: ClassVar[str] = "builder"

    @abstractmethod
    def build(self, model: Model, report: Callable[[str], None]) -> Mapping[str, Any]:
        """Make the artifact.

        Args:
            model: The model's metadata, which knows the folder of its files; the model itself is never loaded.
            report: Call it with a line of progress for the user.

        Returns:
            What was made, as plain data to print: ids, names, folders.
        """
