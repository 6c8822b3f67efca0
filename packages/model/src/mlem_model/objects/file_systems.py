"""File systems behind URLs: fsspec finds them, and their errors are translated into ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlem_model.errors import CredentialsError, MlemError, NotFoundError, PlatformError, PluginError, UserError
from mlem_model.objects.files import unusable

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CREDENTIALS = {
    "CredentialRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "SSOError",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
    "DefaultCredentialsError",
    "RefreshError",
    "ClientAuthenticationError",
}
"""Class names of botocore, google-auth and azure-core; none of them has to be installed here."""

_TO_INSTALL = re.compile(r"[Ii]nstall ['\"]?([A-Za-z0-9][\w.\[\]-]*)")


def file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the path inside it.

    Args:
        url: For example ``s3://bucket/models/iris``, ``memory://iris``, ``file:///srv/models/iris``.

    Raises:
        PluginError: The package that knows the scheme is not installed.
        UserError: Nothing knows the scheme.
        MlemError: See `translated`.
    """
    from fsspec.core import url_to_fs

    with translated(url, "open"):
        found: tuple[AbstractFileSystem, str] = url_to_fs(url)
        return found


def lacks_credentials(error: Exception) -> bool:
    """Whether an SDK or a file system complains of missing or insufficient credentials.

    Args:
        error: What botocore, google-auth, azure-core or fsspec raised.
    """
    return isinstance(error, PermissionError) or type(error).__name__ in _CREDENTIALS


@contextmanager
def translated(address: str, action: str) -> Iterator[None]:
    """Raise our errors for what a file system raises.

    Args:
        address: What is asked for, for messages.
        action: The verb for messages: ``read``, ``write``.

    Raises:
        PluginError: A package is not installed.
        CredentialsError: The store refused the credentials, or found none.
        NotFoundError: The file, its folder or its bucket is not there.
        UserError: The file system can't do it, or nothing knows the scheme.
        PlatformError: Everything else.
    """
    try:
        yield
    except MlemError:
        raise
    except Exception as error:  # a foreign file system may raise anything; nothing is hidden
        raise _translate(address, action, error) from error


def _translate(address: str, action: str, error: Exception) -> MlemError:
    words = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ImportError):
        package = _TO_INSTALL.search(words)
        hint = f"pip install {package[1]}" if package else None
        return PluginError(f"can't {action} {address}: {words}", code="not-installed", hint=hint)
    if lacks_credentials(error):
        return CredentialsError(
            f"can't {action} {address}: {words}", hint="check the credentials and their permissions for this store"
        )
    if isinstance(error, ValueError) and "://" in address and "rotocol" in words:
        return UserError(f"can't {action} {address}: {words}", code="unknown-scheme")
    if isinstance(error, NotImplementedError):
        return UserError(f"can't {action} {address}: its file system does not allow that", code="read-only")
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"can't {action} {address}: {words}", hint="a bucket has to exist before")
    if isinstance(error, OSError) and error.errno is not None:
        return unusable(address, error, action)
    return PlatformError(f"can't {action} {address}: {type(error).__name__}: {words}")
