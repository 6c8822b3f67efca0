"""`FolderOfTexts`: what kinds of model have in common whose framework, one for texts, saves a folder of plain files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlem_model.frameworks.text.folders import expect_own_files
from mlem_model.frameworks.text.transformers_files import expect_weights
from mlem_model.models.method_choice import PREDICT
from mlem_model.models.model_type import ModelType

SAFETENSORS = "safetensors"


class FolderOfTexts(ModelType):
    """A model that is a folder, and answers each text, or each row of what a tokenizer makes of it, on its own.

    Attributes:
        calls: The attribute of what is served by public name, as `methods` answers it for every model of the kind.
        served_as: What is called in the place of a model, made of it.
    """

    format: ClassVar[str] = SAFETENSORS
    converts: ClassVar[bool] = True
    files: ClassVar[bool] = True
    imports: ClassVar[bool] = True
    calls: ClassVar[Mapping[str, str]] = {PREDICT: PREDICT}
    served_as: ClassVar[Callable[[Any], Any]]

    @classmethod
    def methods(cls, obj: Any) -> Mapping[str, str]:
        """See `ModelType.methods`."""
        return cls.calls

    @classmethod
    def served(cls, obj: Any) -> Any:
        """See `ModelType.served`."""
        return cls.served_as(obj)

    @classmethod
    def rowwise(cls, obj: Any, method: str) -> bool:
        """See `ModelType.rowwise`; each text is run on its own, or as if it was."""
        return True

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.read`.

        Raises:
            UserError: It is no such folder, or has something that would be run.
        """
        cls.expect_readable(path)
        return cls.load_files(path, trusted=trusted)

    @classmethod
    def expect_readable(cls, path: Path) -> None:
        """Refuse a folder of somebody else's that leads out of itself, or has its weights in another format.

        Args:
            path: The folder.

        Raises:
            UserError: It does, or has.
        """
        expect_own_files(path)
        if cls.format == SAFETENSORS:
            expect_weights(path)
