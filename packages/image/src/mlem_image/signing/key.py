"""`Key`: a private key that signs images: one of cosign's, or a plain one of OpenSSL's."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlem import CredentialsError, PluginError, UserError
from mlem.provider import unusable
from mlem_image.signing.sealed import HINT, Unopened, open_sealed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from mlem_image.recipes.options import AttachedOptions

PASSWORD_VARIABLE = "COSIGN_PASSWORD"  # noqa: S105  # its name
"""Where the key's password is: the same as for cosign. It is in no argument, as others can read those."""
_MOST_BYTES = 2**16
_PEM = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s(.+?)-----END \1-----", re.DOTALL)
_SEALED = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")
"""Source: https://github.com/sigstore/cosign/blob/main/pkg/cosign/keys.go (read 2026-11)."""


class Key:
    """A private key for ECDSA on the curve P-256.

    Args:
        private: The key.
    """

    def __init__(self, private: EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def of(cls, options: AttachedOptions) -> Key | None:
        """Read the key that signs an image; None where none does. See `read` for what is raised."""
        return cls.read(options.sign_path) if options.sign_path is not None else None

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str] = os.environ) -> Key:
        """Read a key from a file.

        Args:
            path: The file, PEM.
            environment: Has the key's password, if it has one.

        Raises:
            UserError: It is no key that signs images.
            NotFoundError: It is not there.
            CredentialsError: Its password is not given, or is another one.
            PluginError: What reads keys is not installed.
        """
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise unusable(path, error, "read the key") from error
        found = _PEM.search(content) if len(content) <= _MOST_BYTES else None
        if found is None:
            raise _no_key(path, "it has no private key in PEM")
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
            from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
        except ImportError as error:
            raise PluginError("cryptography, which signs, is not installed", hint=HINT) from error
        sealed = found[1] in _SEALED
        encrypted = sealed or found[1].startswith(b"ENCRYPTED") or b"4,ENCRYPTED" in found[2]
        password = _password(path, environment) if encrypted else None
        try:
            if sealed:
                der = open_sealed(base64.b64decode(found[2]), password or b"")
                private = load_der_private_key(der, None)
            else:
                private = load_pem_private_key(found[0], password)
        except Unopened as error:
            raise _wrong_password(path) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            if encrypted and not sealed:
                raise _wrong_password(path) from error
            raise _no_key(path, "it can't be read") from error
        if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
            raise _no_key(path, "it is not for ECDSA on the curve P-256")
        return cls(private)

    def sign(self, content: bytes) -> bytes:
        """Return the signature of a content, by SHA-256, as DER."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._private.sign(content, ECDSA(SHA256()))

    def has_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether a signature of a content is this key's."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._private.public_key().verify(signature, content, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def _wrong_password(path: Path) -> CredentialsError:
    return CredentialsError(
        f"the password in {PASSWORD_VARIABLE} is not that of the key {path}, or the key is damaged", code="key-password"
    )


def _password(path: Path, environment: Mapping[str, str]) -> bytes:
    password = environment.get(PASSWORD_VARIABLE)
    if password is None:
        raise CredentialsError(
            f"the key {path} has a password", code="key-password", hint=f"set the variable {PASSWORD_VARIABLE} to it"
        )
    return password.encode(errors="surrogateescape")


def _no_key(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is no key that signs images: {why}",
        code="bad-key",
        hint="cosign generate-key-pair, or: openssl ecparam -name prime256v1 -genkey -noout -out KEY",
    )
