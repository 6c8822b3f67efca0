"""The listening socket: bound before the model is loaded, or taken over from the process that started this one."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from mlem_model.errors import PlatformError, UserError
from mlem_server.process.file_watch import FileWatch
from mlem_server.settings import Settings

BACKLOG = 2048


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens.

    Args:
        settings: ``fd`` takes precedence over ``unix_socket``, and that over ``host`` and ``port``.

    Raises:
        UserError: The address can't be used, or the file descriptor is not a listening socket.
    """
    if settings.fd is not None:
        return _take_over(settings.fd)
    if settings.unix_socket is not None:
        return _listen_on_file(settings.unix_socket)
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"can't listen on {settings.host!r}: {error}", code="bad-address") from error
    try:
        return _without_delay(socket.create_server((str(address[0]), settings.port), family=family, backlog=BACKLOG))
    except OSError as error:
        raise _unusable(settings, error) from error


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Listen while this context lasts; the file of a Unix socket is removed with it. See `listen`."""
    with contextlib.closing(listen(settings)) as listener:
        try:
            yield listener
        finally:
            if settings.unix_socket is not None and settings.fd is None:
                settings.unix_socket.unlink(missing_ok=True)


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what TLS needs; None without TLS.

    Raises:
        UserError: The certificate or its key can't be used.
    """
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, settings.tls_certificate, settings.tls_key)
    return context


def certificate_watch(context: ssl.SSLContext, settings: Settings) -> FileWatch:
    """Return what puts a new certificate in use; callers that connect from then on get it."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None:
        raise AssertionError("the caller has looked")
    files = [certificate] if key is None else [certificate, key]
    content = [b"" for _ in files]

    def read() -> bool:
        # a pair that does not match would leave the context without a key, so another context tries it first
        _load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
        _load_certificate(context, certificate, key)
        before, content[:] = content[:], [file.read_bytes() for file in files]
        return before != content and any(before)

    return FileWatch("certificates", files, read)


def _load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # a passphrase is refused, not asked for: nobody sits in front of a server
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except FileNotFoundError as error:
        missing = next((path for path in (certificate, key) if path and not path.exists()), certificate)
        raise UserError(f"{missing} is not there", code="bad-certificate") from error
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        hint = "PEM files; the key without a passphrase: --tls-cert FILE --tls-key FILE"
        raise UserError(
            f"{certificate}: the certificate or its key can't be used: {reason}", code="bad-certificate", hint=hint
        ) from error


def is_open(listener: socket.socket) -> bool:
    """Say whether a socket listens where other machines may reach it."""
    if listener.family == socket.AF_UNIX:
        return False
    host = ipaddress.ip_address(str(listener.getsockname()[0]).partition("%")[0])
    return not (getattr(host, "ipv4_mapped", None) or host).is_loopback


def address_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Return the URL under which a socket listens, for people."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{scheme}://{host}:{port}"


def _take_over(fd: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=fd)
        listener.listen(BACKLOG)
    except OSError as error:
        raise UserError(f"file descriptor {fd} is not a bound socket: {error.strerror}", code="bad-address") from error
    listener.set_inheritable(False)
    return _without_delay(listener)


def _listen_on_file(path: Path) -> socket.socket:
    """Listen on a Unix socket; the file that a server left behind which was killed is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_answered(path):
            path.unlink()
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "it is in use, or not a socket" if taken else error.strerror or str(error)
        code, hint = "port-in-use" if taken else "bad-address", "choose another path: --unix-socket PATH"
        raise UserError(f"can't listen on {path}: {reason}", code=code, hint=hint) from error
    return listener


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def _without_delay(listener: socket.socket) -> socket.socket:
    """Name the socket's protocol.

    Asyncio sets TCP_NODELAY only where it is named; without it each answer takes 40 ms longer.
    """
    if listener.family == socket.AF_UNIX:
        return listener
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


def _unusable(settings: Settings, error: OSError) -> UserError | PlatformError:
    where = f"port {settings.port} of {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return UserError(f"{where} is in use", code="port-in-use", hint="choose another one: --port N")
    if error.errno == errno.EACCES:
        return UserError(
            f"{where} is not allowed for this user", code="permission-denied", hint="choose a port above 1023: --port N"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return UserError(
            f"this machine has no address {settings.host}", code="bad-address", hint="use --host 127.0.0.1 or 0.0.0.0"
        )
    return PlatformError(f"can't listen on {where}: {error.strerror}")
