"""Models of PyTorch are served on a GPU where there is one.

No machine that runs these tests has one. What is moved goes to PyTorch's device ``meta``, which has shapes without
numbers and refuses to work with tensors of another; and where PyTorch says that it has CUDA, it refuses to use it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlem import api
from mlem.api.objects import with_object
from mlem_model.frameworks.neural.device import device, placed
from mlem_model.frameworks.neural.modules import ServedModule

META = torch.device("meta")
ROWS = torch.ones(3, 4)


class Making(torch.nn.Module):
    """A module with a buffer and a constant, which makes tensors, and names the device of one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.constant = torch.nn.Linear(4, 4), torch.arange(4.0)
        self.register_buffer("scale", torch.full((4,), 2.0))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        made = torch.zeros(4) + torch.ones(4, device=rows.device) + torch.arange(4).to(rows.device)
        return self.linear(rows) * self.scale + made


class WithConstant(Making):
    """The same with a constant that is no buffer: only a program has it among what moves."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(rows) + self.constant


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    api.init(tmp_path)
    return tmp_path


def devices(module: Any) -> set[str]:
    return {one.device.type for one in (*module.parameters(), *module.buffers())}


@pytest.mark.parametrize("kind", [Making, WithConstant])
def test_a_program_moves_with_all_that_it_makes(here: Path, kind: type[Making]) -> None:
    module = kind().eval()
    assert api.save(module, "m", sample_data=ROWS).model_type == "torch"
    loaded = api.load("m")
    assert placed(loaded, torch.device("cpu")) is loaded
    moved = placed(loaded, META)
    assert (moved, devices(moved), devices(module)) == (loaded, {"meta"}, {"cpu"})
    answer = moved(ROWS.to(META))
    assert (answer.device.type, answer.shape) == ("meta", (3, 4))


def test_a_module_of_code_moves_with_its_weights(here: Path) -> None:
    layers = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())
    api.save(layers.eval(), "m", sample_data=ROWS, format="pickle")
    moved = placed(api.load("m"), META)
    assert (devices(moved), moved(ROWS.to(META)).device.type) == ({"meta"}, "meta")


def test_a_module_makes_its_tensors_where_its_weights_are() -> None:
    module = placed(Making(), META)
    served = ServedModule(module)
    assert served.tensors(np.ones((2, 4))).device.type == "meta"
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):  # the answer comes into memory
        served(np.ones((2, 4)))
    with pytest.raises(RuntimeError, match="meta"):
        module(ROWS.to(META))


def test_a_function_has_nothing_to_move() -> None:
    assert placed(len, META) is len


def test_the_device_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == torch.device("cuda")


@pytest.mark.parametrize("format", ["pt2", "torchscript", "pickle"])
def test_only_what_is_loaded_to_be_called_is_moved(here: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    module = torch.nn.Linear(4, 2).eval()
    api.save(module, "m", sample_data=ROWS, format=format)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices(api.load("m")) == devices(module) == {"cpu"}
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        with_object("m", None, served=True)
