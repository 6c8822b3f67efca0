"""Keys that sign images: cosign's and OpenSSL's are taken, others are refused, and no message has a part of one."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from nacl.secret import SecretBox

from mlem import CredentialsError, MlemError, NotFoundError, UserError
from mlem_image.signing.key import Key
from mlem_image.signing.sealed import Unopened, open_sealed

PASSWORD = "pass w0rd-é"
ENVIRONMENT = {"COSIGN_PASSWORD": PASSWORD}
PUBLISHED = (
    b'{"kdf":{"name":"scrypt","params":{"N":32768,"r":8,"p":1},"salt":"N9a7x5JFGbrtB2uBR81jPwp0eiLR4A7FV3mjVAQrg1g="},'
    b'"cipher":{"name":"nacl/secretbox","nonce":"2h8HxMmgRfuYdpswZBQaU3xJ1nkA/5Ik"},'
    b'"ciphertext":"SEW6sUh0jf2wfdjJGPNS9+bkk2uB+Cxamf32zR8XkQ=="}'
)
"""A value sealed by those who made the format. Source:
https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted_test.go (read 2026-11)."""


def openssl(*words: str | Path, cwd: Path, content: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], cwd=cwd, input=content, capture_output=True, check=True).stdout


def sealed(der: bytes, password: str, **params: Any) -> bytes:
    """Seal a key as cosign does."""
    salt, nonce = os.urandom(32), os.urandom(24)
    numbers = {"N": 16384, "r": 8, "p": 1}
    key = hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1, dklen=32)
    box = SecretBox(key).encrypt(der, nonce).ciphertext
    salt64, nonce64, box64 = (base64.b64encode(one).decode() for one in (salt, nonce, box))
    content = {
        "kdf": {"name": "scrypt", "params": numbers | params, "salt": salt64},
        "cipher": {"name": "nacl/secretbox", "nonce": nonce64},
        "ciphertext": box64,
    }
    return json.dumps(content).encode()


def pem(label: str, content: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(content).decode()}-----END {label}-----\n".encode()


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with a key of OpenSSL's, `key.pem`, and its public part, `key.pub`."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem", cwd=tmp_path)
    openssl("ec", "-in", "key.pem", "-pubout", "-out", "key.pub", cwd=tmp_path)
    return tmp_path


def written(kind: str, pair: Path) -> Path:
    path = pair / f"{kind}.key"
    plain = pair / "key.pem"
    if kind == "ecparam":
        path = plain
    elif kind == "pkcs8":
        openssl("pkcs8", "-topk8", "-nocrypt", "-in", plain, "-out", path, cwd=pair)
    elif kind == "encrypted pkcs8":
        openssl("pkcs8", "-topk8", "-in", plain, "-out", path, "-passout", f"pass:{PASSWORD}", cwd=pair)
    elif kind == "encrypted ec":
        openssl("ec", "-aes256", "-in", plain, "-out", path, "-passout", f"pass:{PASSWORD}", cwd=pair)
    else:
        der = openssl("pkcs8", "-topk8", "-nocrypt", "-in", plain, "-outform", "DER", cwd=pair)
        path.write_bytes(pem(kind, sealed(der, PASSWORD)))
    return path


KINDS = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY", "encrypted pkcs8", "encrypted ec"]


@pytest.mark.parametrize("kind", ["ecparam", "pkcs8", *KINDS])
def test_what_a_key_signs_is_verified_by_openssl(kind: str, pair: Path) -> None:
    signature = Key.read(written(kind, pair), ENVIRONMENT).sign(b"content")
    (pair / "signature").write_bytes(signature)
    words = ("dgst", "-sha256", "-verify", "key.pub", "-signature", "signature")
    assert openssl(*words, cwd=pair, content=b"content") == b"Verified OK\n"
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*words, cwd=pair, content=b"other content")


def test_what_others_have_sealed_is_opened() -> None:
    assert open_sealed(PUBLISHED, b"supersecret") == b"reallyimportant"
    with pytest.raises(Unopened):
        open_sealed(PUBLISHED, b"supersecres")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("environment", [{}, {"COSIGN_PASSWORD": "another-one"}, {"COSIGN_PASSWORD": ""}])
def test_a_password_that_is_not_given_or_another_one_is_told(
    kind: str, environment: dict[str, str], pair: Path
) -> None:
    path = written(kind, pair)
    with pytest.raises(CredentialsError, match="password") as raised:
        Key.read(path, environment)
    assert raised.value.code == "key-password"
    assert "COSIGN_PASSWORD" in f"{raised.value.message} {raised.value.hint}"
    assert "another-one" not in f"{raised.value.message} {raised.value.hint}"


def test_a_password_is_not_asked_for_where_the_key_has_none(pair: Path) -> None:
    assert Key.read(pair / "key.pem", {}).sign(b"x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no private key"),
        (b"\x00\xff" * 100, "no private key"),
        (b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "no private key"),
        (b"-----BEGIN EC PRIVATE KEY-----\n" + b"A" * 70_000 + b"\n-----END EC PRIVATE KEY-----\n", "no private key"),
        (pem("EC PRIVATE KEY", b"s3cret"), "can't be read"),
        (pem("PRIVATE KEY", b"s3cret"), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"s3cret"), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"[]"), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", b'{"kdf": "x"}'), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"[" * 40_000), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, N=2**40)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, N=-2, r=-2)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, p=2**30)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, r=1e400)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, N=15000)), "can't be read"),
        (pem("ENCRYPTED SIGSTORE PRIVATE KEY", sealed(b"s3cret", PASSWORD, N=None)), "can't be read"),
    ],
)
def test_a_file_that_is_no_key_is_refused_and_takes_no_memory(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=words) as raised:
            Key.read(path, ENVIRONMENT)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()
    assert (raised.value.code, raised.value.exit_code) == ("bad-key", 2)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "words", [("ecparam", "-name", "secp384r1", "-genkey"), ("genrsa", "2048"), ("genpkey", "-algorithm", "ed25519")]
)
def test_a_key_of_another_kind_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(openssl(*words, cwd=tmp_path))
    with pytest.raises(UserError, match="not for ECDSA on the curve P-256"):
        Key.read(tmp_path / "key", {})


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="key"):
        Key.read(tmp_path / "key", {})
    with pytest.raises(MlemError):
        Key.read(tmp_path, {})
