"""What a framework writes to a file that it has to be given the name of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError


def written(obj: Any, save: Callable[[Path], Any], suffix: str) -> bytes:
    """Return what a framework writes of an object.

    Args:
        obj: The object, for the message.
        save: Writes it to the file that it is given.
        suffix: How the file's name ends, by which the framework knows the format.

    Raises:
        UserError: The framework refuses: it has not been fitted, most often.
    """
    with tempfile.TemporaryDirectory(prefix="mlem-") as folder:
        path = Path(folder) / f"model{suffix}"
        try:
            save(path)
        except Exception as error:  # of the framework's own kinds
            raise UserError(f"the {type(obj).__name__} can't be saved: {error}", code="not-saved") from error
        return path.read_bytes()
