"""The platform: services and images are files of a folder, which every process sees. It asks for a key."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlem import CredentialsError, NotFoundError, PlatformError

KEY = "PAPER_KEY"
HOME = "PAPER_HOME"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Paper:
    """The platform's API; each call needs the key, and fails as the file ``broken`` says."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or Path(os.environ[HOME])

    def _called(self) -> None:
        key = os.environ.get(KEY)
        if not key:
            raise CredentialsError(f"{KEY} is not set", hint=f"export {KEY}=...")
        if key.startswith("canary-wrong"):
            raise CredentialsError(f"the platform refuses the key in {KEY}", hint=f"export {KEY}=...")
        broken = self.home / "broken"
        kind = broken.read_text() if broken.exists() else ""
        if kind == "slow":
            time.sleep(0.05)
        elif kind:
            self.fail(kind)

    def fail(self, kind: str) -> None:
        raise PlatformError("the platform says 503" if kind == "error" else "the platform did not answer in 0.1 s")

    def id(self) -> str:
        """Return what the platform calls itself."""
        self._called()
        return str(self.home)

    def _path(self, name: str) -> Path:
        return self.home / "services" / f"{name}.json"

    def get(self, name: str) -> dict[str, Any] | None:
        """Return a service; None where there is none."""
        self._called()
        try:
            found = json.loads(self._path(name).read_text())
        except FileNotFoundError:
            return None
        over = found["expires"] and found["expires"] <= now()
        return {**found, "running": found["running"] and not over, "over": bool(over)}

    def put(self, name: str, **fields: Any) -> dict[str, Any]:
        """Make or change a service."""
        made = {"id": uuid.uuid4().hex, "lineage": "", "image": "", "variables": {}, "running": True, "log": []}
        made |= {"previous": [], "expires": None, "maintenance": False, "size": 1, "name": name}
        there = {key: value for key, value in (self.get(name) or {}).items() if key != "over"}
        made |= {**there, **fields}
        self._path(name).parent.mkdir(parents=True, exist_ok=True)
        self._path(name).write_text(json.dumps(made))
        return made

    def delete(self, name: str) -> None:
        """Delete a service."""
        self._called()
        self._path(name).unlink(missing_ok=True)

    def services(self, lineage: str) -> list[dict[str, Any]]:
        """Return the services with a mark, whatever they are called."""
        self._called()
        found = [self.get(path.stem) for path in (self.home / "services").glob("*.json")]
        return [one for one in found if one and one["lineage"] == lineage]

    def start(self, name: str, **fields: Any) -> dict[str, Any]:
        """Start a service: what it wrote before is kept apart."""
        before = self.get(name)
        lines = [f"{now()} {uuid.uuid4().hex[:6]} {word}" for word in ("started", "serves")]
        return self.put(name, running=True, log=lines, previous=before["log"] if before else [], **fields)

    @property
    def images(self) -> Path:
        """The folder of images."""
        return self.home / "images"

    def delete_image(self, name: str) -> None:
        """Delete an image."""
        self._called()
        shutil.rmtree(self.images / name, ignore_errors=True)

    def images_of(self, lineage: str) -> list[str]:
        """Return the images of a deployment."""
        return sorted(path.name for path in self.images.glob(f"{lineage}-*"))


@contextlib.contextmanager
def with_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def expect_service(paper: Paper, name: str) -> dict[str, Any]:
    """Return a service that has to be there."""
    found = paper.get(name)
    if found is None:
        raise NotFoundError(f"there is no service {name}", code="gone")
    return found
