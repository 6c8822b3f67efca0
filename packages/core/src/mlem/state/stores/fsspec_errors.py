"""What fsspec file systems raise, and what it means here: one table."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlem_model.errors import CredentialsError, MlemError, NotFoundError, StateUnknownError
from mlem_model.objects.file_systems import lacks_credentials
from mlem_model.objects.files import unusable


@contextmanager
def translated(path: str, action: str) -> Iterator[None]:
    """Translate what a file system raises; ``FileExistsError`` passes, since it answers the question.

    Args:
        path: What was asked for.
        action: The verb for messages: ``read``, ``write``.

    Raises:
        CredentialsError: The store refused the credentials, or found none.
        NotFoundError: The bucket or folder is not there.
        StateUnknownError: Everything else: it may have been done.
    """
    try:
        yield
    except (MlemError, FileExistsError):
        raise
    except Exception as error:  # a stranger's file system may raise anything; nothing is hidden, all is told
        raise translate(path, action, error) from error


def translate(path: str, action: str, error: Exception) -> MlemError:
    """Return our error for one of a file system; see `translated`."""
    if lacks_credentials(error):
        return CredentialsError(
            f"can't {action} {path}: {error or type(error).__name__}",
            hint="check the credentials and their permissions for this store",
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return NotFoundError(
            f"can't {action} {path}: {error or 'not there'}", hint="check core.state.uri; a bucket has to exist before"
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EROFS, errno.EDQUOT}:
        return unusable(path, error, action)
    return StateUnknownError(f"can't {action} {path}: {type(error).__name__}: {error}")
