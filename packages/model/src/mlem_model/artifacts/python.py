"""The Python that code of a model was compiled by, and the one that is to run it."""

from __future__ import annotations

import sys

from mlem_model.errors import PluginError

PYTHON = ".".join(map(str, sys.version_info[:2]))
"""The version of the Python that runs this: ``3.11``."""


def other_python(saved_by: str, here: str = PYTHON) -> PluginError:
    """Return the error for compiled code of another Python.

    Args:
        saved_by: The version that compiled it: ``3.11``.
        here: The version that should run it.
    """
    return PluginError(
        f"the model has code that Python {saved_by} compiled, which Python {here} can't run",
        code="other-python",
        hint=f"use Python {saved_by}, or save the model again with Python {here}",
    )
