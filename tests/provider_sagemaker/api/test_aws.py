"""The account, seen from several processes and threads."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlem_provider_sagemaker.api.aws import connect

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
FORK = """
import os
from mlem_provider_sagemaker.api.aws import connect
account = connect(None, "eu-west-1")
client = account.client("sagemaker-runtime")
reading, writing = os.pipe()
if os.fork() == 0:
    own = connect(None, "eu-west-1")
    os.write(writing, b"shared" if own is account or own.client("sagemaker-runtime") is client else b"own")
    os._exit(0)
os.wait()
print(os.read(reading, 100).decode(), connect(None, "eu-west-1") is account)
"""


def test_a_process_that_was_forked_has_a_session_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK], env={**os.environ, **KEYS}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "own True\n", done.stderr


def test_threads_share_one_client_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    account = connect(None, "eu-central-1")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _number: id(account.client("sagemaker-runtime")), range(8)))) == 1
