"""The builder of folders passes the conformance kit for builders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlem.testing import BuilderSuite


class TestDockerDir(BuilderSuite):
    type = "docker_dir"

    def fields(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"target": tmp_path / "bundle"}

    def content(self, tmp_path: Path) -> Any:
        target = tmp_path / "bundle"
        found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
        return found or None
