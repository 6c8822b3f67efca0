"""Signatures of images, as cosign has them: verified by a program that is not ours."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mlem import ConflictError, CredentialsError, MlemError
from mlem_image.builder import ImageBuilder
from mlem_image.registry.connecting import connect
from mlem_image.registry.reference import Reference
from mlem_image.registry.repository import MANIFEST, Repository
from mlem_image.signing.key import Key
from mlem_image.signing.signature import sign

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def place(push_registry: str, tmp_path: Path) -> str:
    """A name in the registry that nobody else uses."""
    return f"{push_registry}/mlem-test/signed-{os.getpid()}-{abs(hash(tmp_path)):x}"


def key_in(folder: Path) -> Path:
    """Write a key and its public part into a folder."""
    folder.mkdir(exist_ok=True)
    for words in ("ecparam -name prime256v1 -genkey -noout -out key.pem", "ec -in key.pem -pubout -out key.pub"):
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return folder / "key.pem"


def repository_of(place: str) -> Repository:
    reference = Reference.parse(place)
    return Repository(connect(reference), reference.repository)


def verified(place: str, digest: str, folder: Path) -> list[Any]:
    """Return what those signatures of a manifest say that OpenSSL finds to be made by the key in a folder."""
    host, _, name = place.partition("/")
    tag = f"{digest.replace(':', '-')}.sig"

    def get(path: str) -> bytes:
        request = urllib.request.Request(f"http://{host}/v2/{name}/{path}", headers={"Accept": MANIFEST})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    found = []
    for layer in json.loads(get(f"manifests/{tag}"))["layers"]:
        payload = get(f"blobs/{layer['digest']}")
        assert (layer["mediaType"], layer["size"]) == (SIMPLE_SIGNING, len(payload))
        (folder / "signature").write_bytes(base64.b64decode(layer["annotations"][SIGNATURE], validate=True))
        words = ["openssl", "dgst", "-sha256", "-verify", "key.pub", "-signature", "signature"]
        if subprocess.run(words, cwd=folder, input=payload, capture_output=True, check=False).returncode == 0:
            found.append(json.loads(payload))
    return found


def payload(place: str, digest: str) -> dict[str, Any]:
    return {
        "critical": {
            "identity": {"docker-reference": place},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }


def test_an_image_and_its_documents_are_signed(doubles: Any, base: str, place: str, tmp_path: Path) -> None:
    key, other = key_in(tmp_path / "keys"), key_in(tmp_path / "others")
    made = ImageBuilder(name=f"{place}:1", base_image=base, sign=key).build(doubles, quiet)
    assert made["signature"] == f"{place}:{made['digest'].replace(':', '-')}.sig"
    for digest in (made["digest"], made["sbom"], made["provenance"]):
        assert verified(place, digest, key.parent) == [payload(place, digest)]
        assert verified(place, digest, other.parent) == []


def test_a_second_key_signs_beside_the_first_and_none_signs_twice(place: str, tmp_path: Path) -> None:
    one, two = key_in(tmp_path / "one"), key_in(tmp_path / "two")
    digest, repository = f"sha256:{hashlib.sha256(b'image').hexdigest()}", repository_of(place)
    for path in (one, two, one, two):
        tag = sign(repository, digest, Key.read(path))
    _, _, manifest = repository.manifest(tag, "signatures")
    assert len(manifest["layers"]) == 2
    config = json.loads(repository.read(manifest["config"]["digest"], 10_000))
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    for path in (one, two):
        assert verified(place, digest, path.parent) == [payload(place, digest)]


def test_a_signature_of_others_that_is_none_does_not_count(place: str, tmp_path: Path) -> None:
    """Whoever may push can write anything where signatures are."""
    key = key_in(tmp_path / "keys")
    digest, repository = f"sha256:{hashlib.sha256(b'image').hexdigest()}", repository_of(place)
    tag = sign(repository, digest, Key.read(key))
    _, _, manifest = repository.manifest(tag, "signatures")
    for said in ("AAAA", "not base64!", "é", 7):
        layers = [{**manifest["layers"][0], "annotations": {SIGNATURE: said}}]
        changed = json.dumps({**manifest, "layers": layers}).encode()
        try:
            repository.push_manifest(tag, MANIFEST, changed)
        except MlemError:  # the registry does not take a number
            continue
        sign(repository, digest, Key.read(key))
        assert len(repository.manifest(tag, "signatures")[2]["layers"]) == 2


def test_what_is_no_list_of_signatures_is_left_alone(doubles: Any, base: str, place: str, tmp_path: Path) -> None:
    made = ImageBuilder(name=f"{place}:1", base_image=base).build(doubles, quiet)
    repository = repository_of(place)
    _, kind, content = repository.whole_manifest(made["digest"].replace(":", "-"), "an index")
    repository.push_manifest(f"{made['digest'].replace(':', '-')}.sig", kind, content)
    with pytest.raises(ConflictError, match="has no signatures, but something else"):
        sign(repository, made["digest"], Key.read(key_in(tmp_path / "keys")))


def test_a_wrong_password_is_told_before_anything_is_made(
    doubles: Any, base: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_in(tmp_path / "keys")
    words = ["openssl", "pkcs8", "-topk8", "-in", key, "-out", "sealed", "-passout", "pass:right"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("COSIGN_PASSWORD", "wrong-s3cret")
    lines: list[str] = []
    with pytest.raises(CredentialsError) as raised:
        ImageBuilder(name=f"{place}:1", base_image=base, sign="sealed").build(doubles, lines.append)
    assert (lines, "wrong-s3cret" in f"{raised.value.message}{raised.value.hint}") == ([], False)


def test_a_signature_needs_a_registry() -> None:
    with pytest.raises(ValueError, match="--sign needs --name"):
        ImageBuilder(folder="layout", sign="key")


def test_the_command_signs_with_the_password_of_the_environment(
    doubles: Any, base: str, place: str, tmp_path: Path
) -> None:
    key = key_in(tmp_path / "keys")
    words = ["openssl", "pkcs8", "-topk8", "-in", key, "-out", "sealed", "-passout", "pass:s3cret-word"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    command = [
        Path(sys.executable).parent / "mlem",
        "build",
        "image",
        "double",
        "--name",
        f"{place}:1",
        "--base_image",
        base,
    ]
    environment = {**os.environ, "COSIGN_PASSWORD": "s3cret-word"}
    done = subprocess.run([*command, "--sign", "sealed"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert verified(place, said["digest"], key.parent) == [payload(place, said["digest"])]
    assert said["signature"].endswith(".sig")
    assert "s3cret-word" not in done.stdout + done.stderr
    environment["COSIGN_PASSWORD"] = "another"
    done = subprocess.run([*command, "--sign", "sealed"], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (6, False)
