"""A file is loaded in another process first: the compiled code of a framework may end the process at a broken one.

python -m mlem_model.importing.trial PATH TYPE TRUSTED
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mlem_model.errors import MlemError, UserError
from mlem_model.models.model_type import ModelType

LONGEST_S = 600.0


def try_apart(path: Path, kind: type[ModelType], trusted: Sequence[str]) -> None:
    """Load a file in a process of its own, which ends.

    Raises:
        UserError: That process was ended by the framework's own code, or did not end.
    """
    command = [sys.executable, "-m", __name__, str(path), kind.type, ",".join(trusted)]
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            command, capture_output=True, check=False, timeout=LONGEST_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{path.name} does not load within {LONGEST_S:g} s", code="bad-file") from error
    if done.returncode < 0:
        raise UserError(
            f"{path.name} is damaged: reading it ends {kind.type}'s own code by signal {-done.returncode}",
            code="bad-file",
        )


def main(arguments: Sequence[str]) -> None:
    """Load a file, and tell nothing: errors are told by whoever loads it next."""
    from mlem_model.plugins.registry import registry

    path, type_, trusted = arguments
    kind: type[ModelType] = registry().get("model_type", type_)
    try:
        kind.read(Path(path), [name for name in trusted.split(",") if name])
    except MlemError:
        return


if __name__ == "__main__":
    main(sys.argv[1:])
