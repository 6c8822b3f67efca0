"""A client of registries that is cut off, refused and lied to, in front of a real one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError
from mlem_image.registry.attempts import ATTEMPTS
from mlem_image.registry.credentials import Credentials
from mlem_image.registry.http import Connection
from mlem_image.registry.repository import Repository

SIZE = 3 * 2**20 + 17
Repositories = Callable[..., Repository]
SECRET = "s3cret-word"


@pytest.fixture
def content() -> bytes:
    """Content that no other test has: registries keep what they have."""
    return random.Random().randbytes(SIZE)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push(repository: Repository, content: bytes) -> int:
    """Push a blob, and return the number of bytes that were told of."""
    moved: list[int] = []
    repository.push(digest_of(content), len(content), lambda offset: io.BytesIO(content[offset:]), moved.append)
    return sum(moved)


def pull(repository: Repository, content: bytes) -> bytes:
    return b"".join(repository.stream(digest_of(content), len(content)))


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("cuts", [(2**20,), (1, 2), (2**20, 2**19, 2**18, 2**20), (0,), (SIZE,), (2**14,) * 12])
def test_an_upload_that_is_cut_goes_on(
    cuts: tuple[int, ...], keeps: bool, proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    """With a registry that has forgotten what came, it begins anew; otherwise nearly nothing is sent again."""
    proxy.keeps, left = keeps, list(cuts if keeps else cuts[:4])
    proxy.rules = lambda seen: answering(cut_body_at=left.pop(0)) if seen.method == "PATCH" and left else None
    told = push(through(), content)
    assert (pull(through(), content) == content, told) == (True, SIZE)
    if keeps and 1 not in cuts:
        assert sum(seen.received for seen in proxy.of("PATCH")) == SIZE


def test_an_upload_that_is_always_cut_fails_in_the_end(
    proxy: Any, through: Repositories, answering: Any, content: bytes, pauses: list[float]
) -> None:
    proxy.rules = lambda seen: answering(cut_body_at=0) if seen.method == "PATCH" else None
    with pytest.raises(PlatformError, match="can't be reached"):
        push(through(), content)
    assert (len(proxy.of("PATCH")), len(pauses)) == (ATTEMPTS, ATTEMPTS - 1)


def test_an_upload_whose_last_answer_is_lost_is_there(
    proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    left = [1]
    proxy.rules = lambda seen: answering(lose_answer=True) if seen.method == "PUT" and left and left.pop() else None
    assert push(through(), content) == SIZE
    assert (len(proxy.of("PATCH")), pull(through(), content) == content) == (1, True)


def test_an_upload_that_the_registry_has_forgotten_begins_anew(
    proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    cut, forgotten = [2**20], [1]

    def rules(seen: Any) -> Any:
        if seen.method == "PATCH" and cut:
            return answering(cut_body_at=cut.pop())
        if seen.method == "GET" and "/uploads/" in seen.path and forgotten:
            forgotten.pop()
            return answering(status=404, body=b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}')
        return None

    proxy.rules = rules
    assert push(through(), content) == SIZE
    assert (len(proxy.of("POST")), pull(through(), content) == content) == (2, True)


@pytest.mark.parametrize("cuts", [(2**20,), (2**20, 0, 5, 2**19), (SIZE - 1,), (2**17,) * 9])
@pytest.mark.parametrize("drop", [(), ("range",)])
def test_a_download_that_is_cut_goes_on(
    cuts: tuple[int, ...], drop: tuple[str, ...], proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    """With registries that have no ranges, too: what was there before is read again, and left out."""
    push(through(), content)
    left = list(cuts) if not drop else sorted(cuts)[-4:]
    proxy.rules = lambda seen: (
        answering(cut_answer_at=left.pop(0) if left else None, drop=drop) if "/blobs/" in seen.path else None
    )
    moved: list[int] = []
    found = b"".join(through().stream(digest_of(content), SIZE, moved.append))
    assert (found == content, sum(moved)) == (True, SIZE)


def test_what_is_not_what_was_asked_for_is_refused(
    proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    other = bytes(SIZE)
    proxy.rules = lambda seen: answering(status=200, body=other)
    with pytest.raises(ConflictError, match="has another content"):
        pull(through(), content)
    endless = (bytes(2**16) for _ in iter(int, 1))
    proxy.rules = lambda seen: answering(status=200, body=endless)
    with pytest.raises(ConflictError, match="longer than it says"):
        pull(through(), content)
    proxy.rules = lambda seen: answering(status=200, body=b"{}")
    with pytest.raises(ConflictError, match="another image"):
        through().manifest(f"sha256:{0:064d}", "x")
    for digest in ("sha256:../../x", "x:/etc/passwd", "sha512:00"):
        with pytest.raises(ConflictError, match="is no digest"):
            list(through().stream(digest, 5))


@pytest.mark.parametrize("announced", [10**18, None])
def test_an_absurd_manifest_takes_no_memory(
    announced: int | None, proxy: Any, through: Repositories, answering: Any
) -> None:
    endless = (b" " * 2**16 for _ in iter(int, 1))
    proxy.rules = lambda seen: answering(status=200, body=endless, announced=announced)
    tracemalloc.start()
    try:
        with pytest.raises(PlatformError, match="too large"):
            through().manifest("1", "x")
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()
    for body in (b"[" * 10**6, b"[]", b"\xff", b""):
        proxy.rules = lambda seen, body=body: answering(status=200, body=body)
        with pytest.raises(PlatformError, match="is no manifest"):
            through().manifest("1", "x")


class Service:
    """Rules of a registry that wants tokens, and of the service that gives them; the first is soon too old."""

    def __init__(self, proxy: Any, answering: Any, kind: str = "token", uses: int = 10**6, login: str = "") -> None:
        self.asked: list[Any] = []
        self.wanted = ""
        self._proxy, self._answering, self._kind, self._uses, self._login = proxy, answering, kind, uses, login
        self._left = 0
        proxy.rules = self

    def __call__(self, seen: Any) -> Any:
        if seen.path.startswith("/token"):
            self.asked.append(seen)
            if self._login and seen.headers.get("Authorization", "") != self._login:
                return self._answering(status=401, body=f'{{"details": "not {SECRET}"}}'.encode())
            self.wanted = f"Bearer token-{len(self.asked)}"
            self._left = 10**6 if self.asked[1:] else self._uses
            return self._answering(status=200, body=json.dumps({self._kind: self.wanted[7:]}).encode())
        if seen.headers.get("Authorization") == self.wanted and self._left:
            self._left -= 1
            return None
        challenge = f'Bearer realm="http://{self._proxy.host}/token",service="some",scope="x"'
        return self._answering(status=401, headers={"WWW-Authenticate": challenge})


ME = Credentials("me", SecretStr(SECRET))


def test_tokens_for_nobody_in_particular(proxy: Any, through: Repositories, answering: Any, content: bytes) -> None:
    service = Service(proxy, answering, "access_token")
    repository = through()
    push(repository, content)
    assert pull(repository, content) == content
    query = [parse_qs(urlsplit(seen.path).query) for seen in service.asked]
    scope = f"repository:{repository.name}"
    assert query == [{"service": ["some"], "scope": [f"{scope}:{actions}"]} for actions in ("pull,push", "pull")]
    assert {seen.headers.get("Authorization") for seen in service.asked} == {None}


def test_tokens_for_a_user(proxy: Any, through: Repositories, answering: Any, content: bytes) -> None:
    service = Service(proxy, answering, login=ME.basic)
    push(through(ME), content)
    assert [seen.headers["Authorization"] for seen in service.asked] == [ME.basic]


def test_tokens_for_an_identity_token(proxy: Any, through: Repositories, answering: Any, content: bytes) -> None:
    service = Service(proxy, answering)
    push(through(Credentials("", SecretStr(""), SecretStr("id&1"))), content)
    assert [(seen.method, parse_qs(seen.content.decode())["refresh_token"]) for seen in service.asked] == [
        ("POST", ["id&1"])
    ]


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_token_that_expires_in_the_middle_of_a_push_is_renewed(
    uses: int, proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    service = Service(proxy, answering, uses=uses)
    repository = through(ME)
    assert push(repository, content) == SIZE
    assert pull(repository, content) == content
    assert len(service.asked) > 1


def test_basic_logins(proxy: Any, through: Repositories, answering: Any, content: bytes) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="here"'}
    proxy.rules = lambda seen: (
        None if seen.headers.get("Authorization") == ME.basic else answering(status=401, headers=challenge)
    )
    push(through(ME), content)
    with pytest.raises(CredentialsError, match="asked without credentials"):
        push(through(), content)
    with pytest.raises(CredentialsError, match="asked as you"):
        push(through(Credentials("you", SecretStr(SECRET))), content)


def test_wrong_credentials_name_host_and_user_and_no_password(
    proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    Service(proxy, answering, login="Basic other")
    with pytest.raises(CredentialsError) as raised:
        push(through(ME), content)
    said = str(raised.value)
    assert (raised.value.exit_code, proxy.host in said, "as me" in said, SECRET in said) == (6, True, True, False)
    proxy.rules = lambda seen: answering(status=403, body=f"no {SECRET} of {base64.b64encode(b'x').decode()}".encode())
    with pytest.raises(CredentialsError) as raised:
        push(through(ME), content)
    assert SECRET not in str(raised.value)


def test_a_store_gets_no_token_and_no_login(
    proxy: Any, other: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    push(through(), content)
    service = Service(proxy, answering)

    def rules(seen: Any) -> Any:
        found = service(seen)
        if found is None and "/blobs/sha256" in seen.path:
            return answering(status=307, headers={"Location": f"http://{other.host}{seen.path}"})
        return found

    proxy.rules = rules
    assert pull(through(ME), content) == content
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{other.host}/token",service="bad"'}
    other.rules = lambda seen: answering(status=401, headers=challenge)
    with pytest.raises(CredentialsError):
        pull(through(ME), content)
    assert [seen.headers.get("Authorization") for seen in other.seen] == [None, None]


@pytest.fixture
def secure(proxy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server before the registry, with TLS."""
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return proxy


def test_nobody_leads_away_from_tls(
    secure: Any, other: Any, answering: Any, content: bytes, pauses: list[float]
) -> None:
    repository = Repository(Connection(secure.host, ME, plain=False, wait=pauses.append), "x")
    for status, headers in (
        (307, {"Location": f"http://{other.host}/"}),
        (401, {"WWW-Authenticate": f'Bearer realm="http://{other.host}/token"'}),
        (202, {"Location": f"http://{secure.host}/upload"}),
    ):
        secure.rules = lambda seen, status=status, headers=headers: answering(status=status, headers=headers)
        with pytest.raises(PlatformError, match="without TLS"):
            push(repository, content) if status == 202 else repository.has(digest_of(content))
    assert (other.seen, pauses) == ([], [])


def test_a_certificate_that_is_not_trusted_is_said_at_once(
    secure: Any, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PlatformError, match="the certificate of") as raised:
        Repository(Connection(secure.host, None, plain=False, wait=pauses.append), "x").has(f"sha256:{0:064d}")
    assert (raised.value.code, pauses) == ("tls", [])


@pytest.mark.parametrize(("status", "code"), [(429, "throttled"), (503, "registry")])
def test_a_busy_registry_is_asked_again(
    status: int, code: str, proxy: Any, through: Repositories, answering: Any, content: bytes, pauses: list[float]
) -> None:
    """At each of the requests, and as late as it says."""
    busy: dict[str, int] = {}

    def rules(seen: Any) -> Any:
        kind = f"{seen.method} {urlsplit(seen.path).path.rpartition('/')[0]}"
        busy[kind] = busy.get(kind, 0) + 1
        return answering(status=status, headers={"Retry-After": "7"}) if busy[kind] == 1 else None

    proxy.rules = rules
    assert push(through(), content) == SIZE
    assert pull(through(), content) == content
    assert (pauses, len(busy)) == ([7.0] * len(busy), 6)
    pauses.clear()
    for after, first in (("99999", 30.0), ("²", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)):
        proxy.rules = lambda seen, after=after: answering(status=status, headers={"Retry-After": after})
        for act in (push, pull):
            with pytest.raises(PlatformError, match=f"says {status}") as raised:
                act(through(), content)
            assert (raised.value.code, len(pauses)) == (code, ATTEMPTS - 1)
            assert first is None or pauses[0] == first
            pauses.clear()


def test_a_busy_login_is_asked_again(
    proxy: Any, through: Repositories, answering: Any, content: bytes, pauses: list[float]
) -> None:
    service, left = Service(proxy, answering), [1, 2]
    proxy.rules = lambda seen: (
        answering(status=503) if seen.path.startswith("/token") and left and left.pop() else service(seen)
    )
    assert (push(through(ME), content), len(pauses)) == (SIZE, 2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x1b[31mno\r\nroom\x00 here", "says 400, [31mno room here"),
        (b"\n <!DOCTYPE html><html>no</html>", "says 400"),
        (b"x" * 30 * 2**20, "says 400, " + "x" * 300),
        (b"[" * 10**5, "says 400"),
        (b'{"errors": [{"code": "A\\u001b", "message": "b\\nc\\u202e"}]}', "says 400, A : b c"),
        ("{'ä".encode("latin-1"), "says 400"),
    ],
)
def test_what_a_registry_says_is_one_clean_line(
    body: bytes, words: str, proxy: Any, through: Repositories, answering: Any, content: bytes
) -> None:
    proxy.rules = lambda seen: answering(status=400, body=body)
    with pytest.raises(MlemError) as raised:
        push(through(), content)
    assert raised.value.message == f"can't push {proxy.host}/{through().name}: {proxy.host} {words}"


@pytest.mark.parametrize("place", ["http://[", "ftp://x/y", "http://x y/\x7f", ""])
def test_addresses_that_are_none(place: str, proxy: Any, through: Repositories, answering: Any, content: bytes) -> None:
    proxy.rules = lambda seen: answering(status=202, headers={"Location": place})
    with pytest.raises(PlatformError, match=r"address|does not say"):
        push(through(), content)


@pytest.fixture
def wanted(doubles: Any, base: str, proxy: Any, through: Repositories) -> Any:
    """Makes what builds an image by way of the server in front, where its base is, too."""
    from mlem_image.builder import ImageBuilder

    base_image = f"{proxy.host}/{base.partition('/')[2]}"
    return lambda tag: ImageBuilder(name=f"{proxy.host}/{through().name}:{tag}", base_image=base_image)


def test_layers_of_the_base_are_mounted(wanted: Any, doubles: Any, proxy: Any, base: str) -> None:
    from mlem_image.base.base_image import BaseImage
    from mlem_image.registry.connecting import connect

    wanted("1").build(doubles, lambda _line: None)
    own = {layer.digest for layer in BaseImage.find(base, "linux/amd64", connect).layers}
    assert {parse_qs(urlsplit(seen.path).query)["mount"][0] for seen in proxy.of("POST", "mount=")} == own
    sent = [parse_qs(urlsplit(seen.path).query)["digest"][0] for seen in proxy.of("PUT", "/uploads/")]
    assert (own & set(sent), len(sent), len(set(sent))) == (set(), len(proxy.of("PATCH")), len(sent))
    proxy.seen.clear()
    wanted("2").build(doubles, lambda _line: None)
    assert [len(proxy.of("POST", "mount=")), len(proxy.of("PATCH"))] == [0, 1]  # of the image's configuration


def test_what_was_pushed_in_part_has_no_name(
    wanted: Any, doubles: Any, proxy: Any, answering: Any, through: Repositories
) -> None:
    proxy.rules = lambda seen: answering(status=403) if seen.method == "PATCH" else None
    with pytest.raises(CredentialsError):
        wanted("1").build(doubles, lambda _line: None)
    assert proxy.of("PUT", "/manifests/") == []
    proxy.rules = lambda seen: None
    with pytest.raises(NotFoundError, match="404"):
        through().manifest("1", "x")


@pytest.mark.parametrize(
    ("killed_at", "empty"), [(1, False), (3, True), (9, False), (14, True), (17, False), (22, True)]
)
def test_a_build_that_was_killed_leaves_nothing(
    killed_at: int,
    empty: bool,
    wanted: Any,
    doubles: Any,
    proxy: Any,
    image_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is killed when so many requests have come; some have the layers to make first."""
    made = wanted("1").build(doubles, lambda _line: None)
    folder = Path("cache").absolute()
    shutil.copytree(image_cache, folder, ignore=shutil.ignore_patterns("lock.db*", "parts"))
    if empty:
        for path in (folder / "blobs").iterdir():
            path.unlink()
    monkeypatch.setenv("MLEM_IMAGE_CACHE", str(folder))
    fresh = wanted("2")
    fresh = fresh.model_copy(update={"name": f"{fresh.name.rpartition(':')[0]}-fresh:2"})
    script = (
        "import sys; from mlem import api; from mlem_image.builder import ImageBuilder\n"
        "ImageBuilder(name=sys.argv[1], base_image=sys.argv[2]).build(api.load_meta('double'), lambda line: None)"
    )
    proxy.seen.clear()
    started: list[subprocess.Popen[bytes]] = []
    there = threading.Event()

    def rules(_seen: Any) -> None:
        there.wait()
        if len(proxy.seen) >= killed_at:
            started[0].kill()

    proxy.rules = rules
    started.append(subprocess.Popen([sys.executable, "-c", script, fresh.name, fresh.base_image]))
    there.set()
    assert started[0].wait() == -9
    part = folder / "parts" / "left"  # as of a layer that was being written
    part.write_bytes(b"half")
    proxy.rules = lambda _seen: None
    again = fresh.build(doubles, lambda _line: None)
    assert again == {**made, "image": fresh.name, "provenance": again["provenance"]}  # which has the name
    assert list((folder / "parts").iterdir()) == []
