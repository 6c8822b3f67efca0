"""TorchScript: modules and functions that are programs already, and modules that only it can make one of.

Loading runs no Python of the file: its reader is in C++. But such a program can do what TorchScript can, files
included, and PyTorch says to treat it as code: https://github.com/pytorch/pytorch/blob/main/SECURITY.md, its section on
TorchScript models (read 2026-11). PyTorch has deprecated TorchScript, so a module becomes a program of ``torch.export``
where it can.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.errors import UserError
from mlem_model.frameworks.neural.modules import evaluating, in_memory, is_module, is_script, needed_torch, unfit
from mlem_model.frameworks.neural.torch import TorchModel


class TorchScriptModel(TorchModel):
    """A module or function of TorchScript, and a module that is compiled to one."""

    type: ClassVar[str] = "torchscript"
    format: ClassVar[str] = "torchscript"
    imports: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth", ".ts", ".torchscript")

    @classmethod
    def matches(cls, obj: Any) -> bool:
        """See `ModelType.matches`."""
        return is_script(obj) or is_module(obj)

    @classmethod
    def prepared(cls, obj: Any, sample_data: Any) -> Any:
        """See `ModelType.prepared`.

        Raises:
            UnfitError: TorchScript can't compile the module.
        """
        torch, module = needed_torch(), in_memory(obj)
        if is_script(module):
            return module
        try:
            with warnings.catch_warnings(), evaluating(module):
                warnings.simplefilter("ignore")  # of the framework about its own
                return torch.jit.script(module)
        except Exception as error:  # of many kinds
            reason = " ".join(str(error).split())[:300]
            raise unfit(obj, f"can't be compiled by TorchScript: {reason}") from error

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        """See `ModelType.dump`."""
        content = io.BytesIO()
        with warnings.catch_warnings(), evaluating(obj):
            warnings.simplefilter("ignore")  # of the framework about its own
            needed_torch().jit.save(obj, content)
        file.write(content.getbuffer())
        return frozenset({"torch", "numpy"})

    @classmethod
    def read(cls, path: Path, trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.read`; other files of PyTorch are weights without a module, or pickles.

        Raises:
            UserError: It is not TorchScript.
        """
        names = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
        if not any("/code/" in name for name in names):
            raise UserError(
                f"{path.name} is no program of TorchScript: weights alone, or a pickle",
                code="no-torch",
                hint="make the module, load the weights into it (weights_only=True), and save it with mlem.api.save",
            )
        with path.open("rb") as file:
            return cls.load(file, trusted=trusted)

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Requirement] = (), trusted: Sequence[str] = ()) -> Any:
        """See `ModelType.load`.

        Raises:
            UserError: It is not TorchScript.
        """
        torch = needed_torch()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the framework about its own
                return torch.jit.load(io.BytesIO(file.read()), map_location="cpu")
        except Exception as error:  # RuntimeError, and what the decoding of texts raises
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"this is not a model of TorchScript: {reason}", code="no-torch") from error
