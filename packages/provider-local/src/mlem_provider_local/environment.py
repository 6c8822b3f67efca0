"""The Python environment that a local deployment runs in: the one of the command that deploys."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from mlem.model import Model
from mlem.pickling import PYTHON, other_python


def expect_python(model: Model) -> None:
    """Refuse a model with code that this Python can't run.

    Args:
        model: The model's metadata.

    Raises:
        PluginError: It has such code.
    """
    if model.code not in (None, PYTHON):
        raise other_python(str(model.code))


def differences(model: Model) -> Iterator[str]:
    """Yield what differs here from what the model was saved with, one line each.

    Args:
        model: The model's metadata.
    """
    here = platform.python_version()
    if model.python and model.python.split(".")[:2] != here.split(".")[:2]:
        yield f"saved with Python {model.python}, runs with {here}"
    for requirement in model.requirements:
        try:
            installed = version(requirement.package_name)
        except PackageNotFoundError:
            yield f"{requirement.pip} is not installed here: pip install {shlex.quote(requirement.pip)}"
            continue
        if installed.partition("+")[0] != requirement.public_version:
            yield f"saved with {requirement.pip}, {installed} is installed here"
