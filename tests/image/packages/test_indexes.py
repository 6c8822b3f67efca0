"""Options that say where packages are count without Docker too, and what needs a run is refused."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import os
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlem import ConflictError, CredentialsError, DeclarationError, MlemError, UserError
from mlem_image.builder import ImageBuilder
from mlem_image.cache.cache import Cache
from mlem_image.packages.choosing import choose
from mlem_image.packages.fetching import fetch, split
from mlem_image.packages.indexes import Indexes
from mlem_image.packages.locked import LockedWheel
from mlem_image.packages.target import Target
from mlem_image.recipes.options import ImageOptions

TARGET = Target("3.11", "amd64", "glibc 2.36")
NAME = "mlem-of-this-test"
PASSWORD = "p$ss/w%rd"


def wheel(folder: Path, version: str, name: str = NAME) -> Path:
    folder.mkdir(exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        f"{name.replace('-', '_')}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in files.items():
            archive.writestr(one, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{one},,\n" for one in [*files, f"{info}/RECORD"]))
    return path


class Index(http.server.ThreadingHTTPServer):
    """An index of one folder's wheels, which asks for a name and a password; it takes whole addresses as a proxy does.

    Attributes:
        words: The arguments of all processes while it was asked.
    """

    def __init__(self, folder: Path, user: str = "", password: str = "", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.words = folder, set[bytes]()
        self.basic = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else None
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                self.server.words.add(path.read_bytes())
        if self.server.basic not in (None, self.headers["authorization"]):
            self._answer(401, b"")
            return
        path = urlsplit(self.path).path
        found = sorted(self.server.folder.glob("*.whl"))
        if path == f"/simple/{NAME}/":
            links = (f"<a href='/files/{one.name}#sha256={_sha256(one)}'>{one.name}</a><br>" for one in found)
            self._answer(200, "".join(links).encode(), "text/html")
        elif path.startswith("/files/") and self.server.folder / path[7:] in found:
            self._answer(200, (self.server.folder / path[7:]).read_bytes())
        else:
            self._answer(404, b"")

    do_HEAD = do_GET

    def _answer(self, status: int, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("www-authenticate", "Basic realm=index")
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def serve() -> Iterator[Callable[..., Index]]:
    """Start an index."""
    started: list[Index] = []

    def start(*arguments: Any, **more: Any) -> Index:
        found = Index(*arguments, **more)
        threading.Thread(target=found.serve_forever, daemon=True).start()
        started.append(found)
        return found

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


def indexes(*arguments: str, **more: Any) -> Indexes:
    return Indexes.of(ImageOptions(pip_arguments=list(arguments), **more))


def fetched(cache: Cache, given: Indexes, *requirements: str) -> dict[str, bytes]:
    """Choose and fetch, and return the files."""
    found = choose(cache, list(requirements) or [NAME], TARGET, indexes=given)
    with cache.working() as folder:
        return {
            name: path.read_bytes() for part in fetch(found, TARGET, folder, None, given) for name, path in part.items()
        }


@pytest.mark.parametrize("spelled", ["--find-links={}", "--find-links {}", "-f{}", "-f", "--find-links"])
def test_packages_of_a_folder_are_taken(
    spelled: str, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wheel(tmp_path / "with a space, $HOME", "1.0")
    monkeypatch.chdir(tmp_path)
    words = [spelled.format(made.parent.name)] if "{}" in spelled else [spelled, made.parent.name]
    assert fetched(cache, indexes(*words, "--no-index")) == {NAME: made.read_bytes()}


@pytest.mark.parametrize("option", ["--index-url", "--extra-index-url"])
def test_packages_of_an_index_with_a_password_are_taken_and_nobody_sees_the_password(
    option: str, cache: Cache, tmp_path: Path, serve: Callable[..., Index]
) -> None:
    made = wheel(tmp_path / "wheels", "1.0")
    index = serve(made.parent, "me", PASSWORD)
    url = f"http://me:p$ss%2Fw%25rd@127.0.0.1:{index.server_port}/simple"
    assert fetched(cache, indexes(option, url)) == {NAME: made.read_bytes()}
    assert index.words
    assert not any(b"p$ss" in word or b"p%24ss" in word for word in index.words)
    assert not any(b"%2Fw%25rd" in path.read_bytes() for path in cache.folder.rglob("*") if path.is_file())


def test_a_wrong_password_is_told_without_it(
    cache: Cache, tmp_path: Path, serve: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # another index of this machine may not have it either
    index = serve(wheel(tmp_path / "wheels", "1.0").parent, "me", PASSWORD)
    with pytest.raises(CredentialsError, match="refuses") as raised:
        fetched(cache, indexes(f"--index-url=http://me:wrong-one@127.0.0.1:{index.server_port}/simple"))
    assert "wrong-one" not in str(raised.value)


def test_certificates_of_the_users_own_are_trusted(cache: Cache, tmp_path: Path, serve: Callable[..., Index]) -> None:
    certificate, key, leaf = (tmp_path / name for name in ("ca.pem", "key.pem", "leaf.pem"))
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    own = ("-CA", certificate, "-CAkey", key, "-addext", "subjectAltName=IP:127.0.0.1")
    own = (*own, "-addext", "basicConstraints=critical,CA:FALSE")
    for words in (
        (*new, "-subj", "/CN=own authority", "-keyout", key, "-out", certificate),
        (*new, "-subj", "/CN=index", "-keyout", tmp_path / "leaf-key.pem", "-out", leaf, *own),
    ):
        subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, tmp_path / "leaf-key.pem")
    made = wheel(tmp_path / "wheels", "1.0")
    url = f"https://127.0.0.1:{serve(made.parent, tls=context).server_port}/simple"
    assert fetched(cache, indexes("-i", url, ca_file=certificate)) == {NAME: made.read_bytes()}
    with pytest.raises(MlemError):
        fetched(Cache(tmp_path / "cache"), indexes("-i", url, "--retries", "0"), f"{NAME}>=1")
    certificate.write_text("no certificate")
    with pytest.raises(UserError, match="can't be used"):
        indexes(ca_file=certificate)


def test_a_proxy_and_a_host_without_tls_are_used(cache: Cache, tmp_path: Path, serve: Callable[..., Index]) -> None:
    made = wheel(tmp_path / "wheels", "1.0")
    given = indexes(
        "--index-url=http://index.example/simple",
        "--trusted-host=index.example",
        f"--proxy=http://127.0.0.1:{serve(made.parent).server_port}",
        "--timeout=20",
    )
    assert fetched(cache, given) == {NAME: made.read_bytes()}


def test_another_index_and_earlier_versions_are_another_choice(cache: Cache, tmp_path: Path) -> None:
    wheel(tmp_path / "a", "1.0")
    wheel(tmp_path / "b", "2.0")
    wheel(tmp_path / "b", "3.0rc1")

    def chosen(folder: str, *more: str) -> str:
        [found] = choose(cache, [NAME], TARGET, indexes=indexes("--no-index", "-f", str(tmp_path / folder), *more))
        return found.version

    assert [chosen("a"), chosen("b"), chosen("b", "--pre")] == ["1.0", "2.0", "3.0rc1"]
    wheel(tmp_path / "a", "1.5")
    assert chosen("a") == "1.5"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"builder_image": "python:3.11"}, "builder_image"),
        ({"build_arguments": {"A": "secret-value"}}, "build_arguments"),
        ({"pip_arguments": ["--no-binary=secret-value"]}, "--no-binary of pip_arguments"),
        ({"pip_arguments": ["--config-settings", "secret-value"]}, "--config-settings of pip_arguments"),
        ({"pip_arguments": ["secret-value"]}, "a word of pip_arguments"),
        ({"pip_arguments": ["-csecret-value"]}, "-c of pip_arguments"),
        ({"pip_arguments": ["--pre=secret-value"]}, "--pre of pip_arguments"),
    ],
)
def test_what_needs_a_run_is_refused_before_anything_is_asked(
    fields: dict[str, Any], named: str, doubles: Any, tmp_path: Path
) -> None:
    builder = ImageBuilder(folder=tmp_path / "out", base_image="127.0.0.1:9/none:1", **fields)
    with pytest.raises(DeclarationError, match=named) as raised:
        builder.build(doubles, lambda _line: None)
    assert (raised.value.code, "--builder engine" in raised.value.hint) == ("needs-a-run", True)
    assert "secret-value" not in f"{raised.value.message} {raised.value.hint}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--index-url"], ["--index-url="], ["--retries", "many"], ["-f", " "]])
def test_an_argument_without_a_value_that_it_can_have_is_refused(arguments: list[str]) -> None:
    with pytest.raises(DeclarationError, match="of pip_arguments") as raised:
        indexes(*arguments)
    assert raised.value.code == "bad-argument"


def test_large_wheels_are_fetched_first_and_small_ones_together() -> None:
    def one(name: str, mib: int) -> LockedWheel:
        return LockedWheel(name, "1.0", f"{name}-1.0-py3-none-any.whl", "0" * 64, size_bytes=mib * 2**20)

    small = [one(f"s{number}", 0) for number in range(5)]
    large = [one("a", 90), one("b", 40), one("c", 30), one("d", 20)]
    assert split([*small, *large]) == [[large[0]], [large[1], *small], [large[2], large[3]]]
    assert split([]) == []


def test_the_first_file_that_is_not_the_chosen_one_ends_all_of_it(cache: Cache, tmp_path: Path) -> None:
    names = [f"{NAME}-{number}" for number in range(3)]
    given = indexes("--no-index", "-f", str(tmp_path / "wheels"))
    for name in names:
        wheel(tmp_path / "wheels", "1.0", name)
    found = choose(cache, names, TARGET, indexes=given)
    with zipfile.ZipFile(tmp_path / "wheels" / found[1].file, "a") as archive:
        archive.comment = b"another file"
    with cache.working() as folder, pytest.raises(ConflictError) as raised:
        list(fetch(found, TARGET, folder, None, given))
    assert raised.value.code == "hashes-differ"
