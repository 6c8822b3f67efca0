"""S3 servers for the tests: SeaweedFS, which CI must have, and moto."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3_servers

BUCKET = "states"


def start(name: str, folder: Path, **options: Any) -> Iterator[Any]:
    """Run a server with a bucket; skip where it is not installed, unless CI needs it."""
    try:
        context = s3_servers.SERVERS[name](folder, **options)
        with context as server, pytest.MonkeyPatch.context() as patch:
            for key, value in server.environment.items():
                patch.setenv(key, value)
            patch.delenv("AWS_PROFILE", raising=False)
            s3_servers.make_bucket(server, BUCKET)
            yield server
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true" and name == "seaweedfs":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from start("seaweedfs", tmp_path_factory.mktemp("seaweedfs"))


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from start("moto", tmp_path_factory.mktemp("moto"))


@pytest.fixture
def racy_moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from start("moto", tmp_path_factory.mktemp("moto"), racy=True)


@pytest.fixture
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from start("rclone", tmp_path_factory.mktemp("rclone"))


@pytest.fixture
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from start("s3rver", tmp_path_factory.mktemp("s3rver"))
