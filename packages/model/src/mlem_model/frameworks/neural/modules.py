"""Modules of PyTorch, called with what callers have: arrays, lists, frames and tensors.

They run in evaluation mode, without gradients, and answer with tensors in memory.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mlem_model.data.types.arrays.tensors import writable
from mlem_model.data.types.base import module_of
from mlem_model.errors import PluginError
from mlem_model.models.calls.arguments import arguments_of, match_sample
from mlem_model.models.errors import UnfitError
from mlem_model.models.method_choice import PREDICT

CALL = "__call__"


def is_module(obj: Any) -> bool:
    """Say whether an object is an ``nn.Module`` that is Python code, by the names of its classes."""
    return has_base(obj, "torch.nn.modules.module", "Module") and not is_script(obj)


def is_script(obj: Any) -> bool:
    """Say whether an object is a module or a function of TorchScript, by the names of its classes."""
    return has_base(obj, "torch.jit._script", "ScriptModule") or (
        module_of(obj) == "torch" and type(obj).__name__ == "ScriptFunction"
    )


def has_base(obj: Any, module: str, name: str) -> bool:
    """Say whether an object's class is, or is made of, one with these names; nothing is imported for it."""
    return any(base.__name__ == name and base.__module__ == module for base in type(obj).__mro__)


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put a module into evaluation mode, and all of its parts back into the mode that they had."""
    training = [part for part in (module.modules() if hasattr(module, "modules") else ()) if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def in_memory(module: Any) -> Any:
    """Return a module that has nothing on a device of its own: itself, or a copy."""
    parts = [*module.parameters(), *module.buffers()] if hasattr(module, "parameters") else []
    return module if all(part.device.type == "cpu" for part in parts) else copy.deepcopy(module).cpu()


class ServedModule:
    """A module whose call takes what callers have.

    An argument of its ``forward`` that has a default keeps it. Floats become those that its parameters have.

    Args:
        module: An ``nn.Module``, or what TorchScript or an exported program has in its place.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        names = [*_names(module)]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        weights = [*module.parameters(), *module.buffers()] if hasattr(module, "parameters") else []
        self._dtype = next((one.dtype for one in weights if one.is_floating_point()), None)
        self._device = next((one.device for one in weights), None)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return what the module answers: its tensors, in memory."""
        import torch

        with torch.no_grad(), evaluating(self._module), self._place():
            answer = self._module(
                *map(self.tensors, inputs), **{name: self.tensors(one) for name, one in named.items()}
            )
        return _without_devices(answer)

    def _place(self) -> Any:
        """Let what the module makes itself be where its weights are, unless it says where."""
        in_memory = self._device is None or self._device.type == "cpu"
        return contextlib.nullcontext() if in_memory else self._device

    def inputs(self, sample_data: Any) -> tuple[Any, ...]:
        """Return what a sample gives the module, by position.

        Raises:
            UserError: The sample does not have its arguments.
        """
        arguments = next(arguments_of(self, CALL, sample_data, first_only=False))
        values = match_sample(arguments, sample_data, PREDICT)
        return tuple(self.tensors(values[argument.name]) for argument in arguments if argument.name in values)

    def tensors(self, value: Any) -> Any:
        """Return an array, a frame or a list of numbers as a tensor; anything else as it is."""
        import torch

        if isinstance(value, torch.Tensor):
            return value.to(self._device)
        if isinstance(value, Mapping):
            return {name: self.tensors(item) for name, item in value.items()}
        if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor | Mapping) for item in value):
            return type(value)(map(self.tensors, value))
        found = _array(value)
        if found is None:
            return value
        tensor = torch.from_numpy(found)
        plain = torch.get_default_dtype() if isinstance(value, list | tuple) else tensor.dtype
        return tensor.to(self._device, (self._dtype or plain) if tensor.is_floating_point() else None)


def _names(module: Any) -> list[str]:
    """Return the names of the arguments that have to be given."""
    function = getattr(module, "forward", module)
    schema = getattr(function, "schema", None)
    if schema is not None:
        return [one.name for one in schema.arguments if one.name != "self" and not one.has_default_value()]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.kind in kinds]
    required = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    return required or [one.name for one in parameters[:1]] or ["data"]


def _array(value: Any) -> Any:
    import numpy as np

    if not isinstance(value, list | tuple | int | float) and module_of(value) not in ("numpy", "pandas", "polars"):
        return None
    try:
        found = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return writable(found) if found.dtype.kind in "fiub" else None


def _without_devices(answer: Any) -> Any:
    if hasattr(answer, "detach"):
        return answer.detach().cpu()
    if isinstance(answer, Mapping):
        return {name: _without_devices(item) for name, item in answer.items()}
    if isinstance(answer, list | tuple):
        items = list(map(_without_devices, answer))
        return tuple(items) if isinstance(answer, tuple) else items
    return answer


def needed_torch() -> Any:
    """Import PyTorch.

    Raises:
        PluginError: It is not installed.
    """
    try:
        import torch
    except ImportError as error:
        hint = "pip install torch; without a GPU: as https://pytorch.org/get-started/locally says for CPUs"
        raise PluginError("models of PyTorch need the package torch", hint=hint) from error
    return torch


def unfit(obj: Any, why: str) -> UnfitError:
    """Return the error for a module that a format can't hold."""
    return UnfitError(f"the {type(obj).__qualname__} {why}", code="not-saved")
