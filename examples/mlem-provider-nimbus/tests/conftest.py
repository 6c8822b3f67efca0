"""The fake platform, and its address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_nimbus import Api, FakeNimbus


@pytest.fixture
def nimbus(tmp_path: Path) -> Iterator[Api]:
    """The platform, with nothing on it."""
    (tmp_path / "nimbus").mkdir()
    with Api(FakeNimbus(tmp_path / "nimbus")) as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield api
        api.shutdown()
        thread.join()
        api.platform.close()
