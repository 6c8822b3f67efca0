"""Keys that cosign has sealed with a password."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from mlem import PluginError

HINT = 'pip install "mlem-image[sign]"'
_MOST_MEMORY_BYTES = 256 * 2**20
_MOST_TIMES = 4
_KEY_BYTES, _NONCE_BYTES = 32, 24


class Unopened(Exception):  # who reads the key knows its file, and says so
    """The password is another one, or the content is damaged."""


def open_sealed(content: bytes, password: bytes) -> bytes:
    """Return what is sealed: a key as PKCS #8.

    The password makes a key by scrypt, which opens a box of NaCl (XSalsa20 and Poly1305).
    Source: https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted.go (read 2026-11).

    Args:
        content: JSON; what it asks for in memory and time has a limit.
        password: The password.

    Raises:
        ValueError: It has another form.
        Unopened: The password does not open it.
        PluginError: What opens it is not installed.
    """
    try:
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox
    except ImportError as error:
        raise PluginError(
            "what opens keys of cosign is not installed", hint='pip install "mlem-image[sign]"'
        ) from error
    try:
        found: Any = json.loads(content)
        names = found["kdf"]["name"], found["cipher"]["name"]
        n, r, p = (int(found["kdf"]["params"][name]) for name in ("N", "r", "p"))
        salt, nonce, sealed = (
            base64.b64decode(one) for one in (found["kdf"]["salt"], found["cipher"]["nonce"], found["ciphertext"])
        )
    except (KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError("a part is missing") from error
    memory_bytes = 128 * n * r
    if names != ("scrypt", "nacl/secretbox") or not 0 < memory_bytes <= _MOST_MEMORY_BYTES or not 0 < p <= _MOST_TIMES:
        raise ValueError("another way of sealing")
    if len(nonce) != _NONCE_BYTES:
        raise ValueError("another nonce")
    key = hashlib.scrypt(
        password, salt=salt, n=n, r=r, p=p, maxmem=memory_bytes + 128 * r * p + 2**20, dklen=_KEY_BYTES
    )
    try:
        return bytes(SecretBox(key).decrypt(sealed, nonce))
    except CryptoError as error:
        raise Unopened from error
