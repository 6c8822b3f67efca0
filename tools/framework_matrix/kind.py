"""`Kind`: a kind of model of a framework, and how a small one is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trained:
    """A small trained model.

    Attributes:
        obj: What is saved.
        sample: Rows of what its first method takes; at least 4 KiB of them, which a client sends in a binary format.
        answer: What the framework itself answers for these.
        options: Further arguments of `mlem.api.save`.
    """

    obj: Any
    sample: Any
    answer: Any
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A row of the matrix.

    Attributes:
        name: As the table has it.
        model_type: The model type that saving has to choose.
        packages: The distributions whose versions the table shows, the framework's first; where the second name of
            ``tensorflow-cpu|tensorflow`` is installed, it does as well.
        train: Trains a small model; the folder is empty, and there as long as the model is needed.
        program: Whether the framework says to treat its files as code, although no Python of them is run.
        without_cuda: A distribution that takes the place of the framework's in the image.
        variables: Of the process that trains, saves and compares.
    """

    name: str
    model_type: str
    packages: tuple[str, ...]
    train: Callable[[Path], Trained]
    program: bool = False
    without_cuda: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
