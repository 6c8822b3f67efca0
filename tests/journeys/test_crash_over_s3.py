"""Commands that are killed at every boundary, with the state on S3.

The next one finds out that the holder of the lock is dead.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlem.testing import CrashSafetySuite

_spec = importlib.util.spec_from_file_location(
    "local_conformance", Path(__file__).parents[1] / "provider_local" / "test_conformance.py"
)
assert _spec is not None
assert _spec.loader is not None
_local = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_local)


class TestCrashSafetyOverS3(_local.LocalFixtures, CrashSafetySuite):  # type: ignore[misc]  # found at run time
    @pytest.fixture(autouse=True)
    def _server(self, seaweedfs: Any) -> None:
        self.server = seaweedfs

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        state = {"URI": f"s3://states/{os.urandom(4).hex()}", "ENDPOINT_URL": self.server.url, "TTL_S": "30"}
        settings = {f"MLEM_CORE__STATE__{key}": value for key, value in state.items()}
        return {**super().environment(tmp_path), **self.server.environment, **settings}
