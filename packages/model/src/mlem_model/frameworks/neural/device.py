"""The device that a model of PyTorch is served on: a GPU where there is one, otherwise the processor.

``CUDA_VISIBLE_DEVICES`` of the server says which GPU, or, when it is empty, none:
https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html (read 2026-11).
"""

from __future__ import annotations

from typing import Any

from mlem_model.frameworks.neural.modules import needed_torch

_TO_DEVICE = "aten.to.device"


def device() -> Any:
    """Return the device that models are served on, a ``torch.device``."""
    torch = needed_torch()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(module: Any, where: Any = None) -> Any:
    """Move a module that was loaded in memory to the device that it is served on, with the devices that it names.

    A program of ``torch.export`` has constants, and the device of each tensor that it makes written down.

    Args:
        module: A module, or what TorchScript has in its place; a function has nothing to move.
        where: The device; that of `device` when None.

    Returns:
        The module, which was moved in place.
    """
    found = device() if where is None else where
    if found.type == "cpu" or not hasattr(module, "modules"):
        return module
    for part in module.modules():
        graph: Any = getattr(part, "graph", None)
        if hasattr(graph, "nodes") and hasattr(part, "recompile"):
            for name, constant in [*vars(part).items()]:
                if hasattr(constant, "detach"):
                    setattr(part, name, constant.to(found))
            for node in graph.nodes:
                _move(node, found)
            part.recompile()
    return module.to(found)


def _move(node: Any, where: Any) -> None:
    """Let a node of a graph make its tensor on a device."""
    if node.kwargs.get("device") is not None:
        node.kwargs = {**node.kwargs, "device": where}
    if str(node.target) == _TO_DEVICE:
        node.args = (node.args[0], where, *node.args[2:])
