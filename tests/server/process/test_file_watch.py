"""Tokens and certificates are read again when their files change; nothing that happens to a file opens the server."""

from __future__ import annotations

import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CANDIDATE = {"path": os.devnull}


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def status(served: Any, token: str | None) -> int:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return int(served.post("/predict", CANDIDATE, headers).status)


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def renamed(file: Path, text: str) -> None:
    other = file.with_name("other")
    other.write_text(text)
    other.replace(file)


def removed_and_made(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


@pytest.mark.parametrize("change", [in_place, renamed, removed_and_made])
def test_new_tokens_of_a_file_count_and_old_ones_no_more(
    starter: Any, file_model: Path, tmp_path: Path, change: Callable[[Path, str], None]
) -> None:
    file = tmp_path / "tokens"
    file.write_text("old\nboth\n")
    served = starter.start(file_model, "--token-file", str(file))
    assert [status(served, token) for token in ("old", "both", "new", None)] == [200, 200, 401, 401]
    change(file, "both\nnew\n")
    until(lambda: status(served, "new") == 200)
    assert [status(served, token) for token in ("old", "both", None)] == [401, 200, 401]
    served.log_with("tokens were read again")
    assert "Bearer" not in served.log


def test_a_mounted_secret_of_kubernetes_is_swapped(starter: Any, file_model: Path, tmp_path: Path) -> None:
    """The mounted file is a link into a folder that is a link: the latter is replaced, and the old folder goes.

    Source: https://kubernetes.io/docs/concepts/configuration/secret/, "Mounted Secrets are updated automatically" (read
    2026-11)."""
    for name, text in (("one", "old"), ("two", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokens").write_text(text)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "tokens").symlink_to("data/tokens")
    served = starter.start(file_model, env={"MLEM_SERVER_TOKEN_FILE": str(tmp_path / "tokens")})
    assert [status(served, token) for token in ("old", "new")] == [200, 401]
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "data")
    until(lambda: status(served, "new") == 200)
    assert status(served, "old") == 401


@pytest.mark.parametrize("content", [b"", b"\n , \n", b"more than two words", b"\xff\xfe", None])
def test_a_file_without_a_usable_token_leaves_the_old_ones(
    starter: Any, file_model: Path, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "tokens"
    file.write_text("old")
    served = starter.start(file_model, "--token-file", str(file))
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    until(lambda: "tokens in use stay as they were" in served.log)
    assert [status(served, token) for token in ("old", "more than two words", "", None)] == [200, 401, 401, 401]
    file.write_text("new")
    until(lambda: status(served, "new") == 200)
    assert served.log.count("stay as they were") <= 2  # a file that is written may be met empty


def test_a_signal_reads_the_files_at_once_and_ends_nothing(starter: Any, file_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("old")
    served = starter.start(file_model, "--token-file", str(file))
    file.write_text("new")
    served.process.send_signal(signal.SIGHUP)
    until(lambda: "SIGHUP: reading files again" in served.log)
    until(lambda: status(served, "new") == 200)
    assert [status(served, token) for token in ("old", None)] == [401, 401]
    served.process.terminate()
    assert served.process.wait(60) == 0


def test_a_closed_terminal_still_ends_a_server_that_was_started_there(file_model: Path, tmp_path: Path) -> None:
    main, side = pty.openpty()
    log = tmp_path / "log"
    code = (
        "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.executable, sys.argv[1:])"
    )
    words = [sys.executable, "-m", "mlem_server", str(file_model), "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", code, *words], stdin=side, stdout=output, stderr=output)
    os.close(side)
    try:
        until(lambda: "ready: POST" in log.read_text())
        os.close(main)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert "SIGHUP: finishing 0 requests in flight" in log.read_text()


# Certificates


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def name_of(served: Any) -> bytes:
    """Return the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=60) as plain,
        context.wrap_socket(plain) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_a_new_certificate_is_shown_to_new_callers_and_a_wrong_pair_to_nobody(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    pairs = {name: make_certificate(tmp_path, name) for name in ("first", "second")}
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for source, target in zip(pairs["first"], (certificate, key), strict=True):
        target.write_bytes(source.read_bytes())
    served = starter.start(file_model, "--tls-cert", str(certificate), "--tls-key", str(key), wait=False)
    served.log_with("ready: POST")
    first = name_of(served)
    certificate.write_bytes(pairs["second"][0].read_bytes())  # the key of the first
    served.log_with("certificates in use stay as they were")
    assert name_of(served) == first
    key.write_bytes(pairs["second"][1].read_bytes())
    until(lambda: name_of(served) != first)
    served.log_with("certificates were read again")
    second = name_of(served)
    key.write_text("no key")
    until(lambda: served.log.count("certificates in use stay as they were") >= 2)
    assert name_of(served) == second


# A server that others reach


def start_on(
    host: str, model: Path, folder: Path, words: list[str], **variables: str
) -> tuple[subprocess.Popen[bytes], Path]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLEM_") and name != "PORT"}
    log = folder / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "mlem_server", *words, "--host", host, "--port", "0"]
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**environment, "MLEM_MODEL": str(model), **variables},
            cwd=folder,
        ), log


@pytest.mark.parametrize(
    ("host", "words", "variables", "warnings"),
    [
        ("0.0.0.0", [], {}, 1),
        ("::", [], {}, 1),
        ("0.0.0.0", ["--workers", "2"], {}, 1),
        ("127.0.0.1", [], {}, 0),
        ("127.0.0.2", [], {}, 0),
        ("::1", [], {}, 0),
        ("0.0.0.0", [], {"MLEM_SERVER_TOKENS": "one"}, 0),
        ("0.0.0.0", ["serve"], {}, 0),
    ],
)
def test_a_server_that_others_reach_says_once_that_it_asks_for_no_token(
    file_model: Path, tmp_path: Path, host: str, words: list[str], variables: dict[str, str], warnings: int
) -> None:
    process, log = start_on(host, file_model, tmp_path, words, **variables)
    try:
        until(
            lambda: (
                log.read_text().count("ready: POST") == (2 if "--workers" in words else 1) or process.poll() is not None
            )
        )
    finally:
        process.terminate()
        process.wait(60)
    text = log.read_text()
    assert (
        process.returncode,
        text.count("can call the model: to ask for a token, set MLEM_SERVER_TOKENS or --token-file"),
    ) == (
        0,
        warnings,
    )
