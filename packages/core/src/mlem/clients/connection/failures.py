"""What the failure of a connection means for the caller, in our errors."""

from __future__ import annotations

import os
import socket
import ssl

from mlem.clients.connection.opening import ProxyRefusedError
from mlem_model.errors import MlemError, PlatformError, WaitTimeoutError


def not_opened(error: OSError, url: str, seconds: float) -> MlemError:
    """Return the error for a connection that could not be made.

    Args:
        error: What happened.
        url: The server's address.
        seconds: How long it was tried at most.
    """
    if isinstance(error, TimeoutError):
        return WaitTimeoutError(f"no connection to {url} within {seconds:.3g} s", hint="mlem deployment status NAME")
    if isinstance(error, ProxyRefusedError):
        message = f"{url} can't be reached: the proxy says {error}"
        return PlatformError(message, code="proxy", hint="see https_proxy, no_proxy")
    if isinstance(error, ssl.SSLError):
        return PlatformError(f"{url}: the TLS connection failed: {_reason(error)}", code="tls")
    message = f"{url} can't be reached: {_reason(error)}"
    return PlatformError(message, code="unreachable", hint="mlem deployment status NAME")


def broken(error: OSError, url: str, seconds: float) -> MlemError:
    """Return the error for a connection that failed while it was used; see `not_opened`."""
    if isinstance(error, TimeoutError):
        return WaitTimeoutError(f"no answer from {url} within {seconds:.3g} s", hint="give it more time: timeout_s")
    return PlatformError(f"{url}: the connection was lost: {_reason(error)}", code="connection-lost")


def _reason(error: OSError) -> str:
    """Return what the operating system or the TLS library said."""
    if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)  # event loops use other words
    return error.strerror or str(error) or type(error).__name__
