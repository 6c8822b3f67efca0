"""What a model does instead of answering: it fails, or it does not come back."""

from __future__ import annotations

from mlem_model.errors import MlemError
from mlem_server.process.exit_codes import HANG_EXIT_CODE


class ModelHangsError(MlemError):
    """The model did not come back from a call: the process ends, for its platform to start it again."""

    exit_code = HANG_EXIT_CODE
    default_code = "model-hangs"


class ModelFailedError(Exception):
    """The model raised an exception; its cause is for the log, not for the caller.

    See `ModelRefusedError` for the other kind.
    """
