"""What the Docker benchmarks share: a project with an iris model, the command line, the docker command."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
for name, c in (("iris", 1.0), ("iris-v2", 0.001), ("iris-v3", 0.01)):
    mlem.api.save(LogisticRegression(max_iter=1000, C=c).fit(X, y), name, sample_data=X)
"""


@contextmanager
def project() -> Iterator[Path]:
    """Make a project with the models ``iris``, ``iris-v2`` and ``iris-v3``.

    What is deployed as ``bench`` is removed in the end.
    """
    with TemporaryDirectory(prefix="mlem-bench-") as name:
        folder = Path(name)
        mlem(folder, "init")
        subprocess.run([sys.executable, "-c", TRAIN], cwd=folder, check=True)
        try:
            yield folder
        finally:
            if (folder / "bench.mlem").exists():
                mlem(folder, "deployment", "remove", "bench")


def mlem(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run ``mlem`` in a folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mlem.cli", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != code:
        sys.exit(f"mlem {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def docker(*arguments: str) -> str:
    """Run the docker command with the classic builder, which is what the SDK has, and return what it prints."""
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(["docker", *arguments], env=environment, check=True, capture_output=True, text=True).stdout


def engine_or_exit() -> None:
    """End with 0 where there is no Engine: there is nothing to measure."""
    try:
        docker("version")
    except (FileNotFoundError, subprocess.CalledProcessError):
        print("no Docker Engine: nothing measured")
        sys.exit(0)


def first_answer(port: int, path: str = "/readyz", timeout_s: float = 120.0) -> None:
    """Wait for the first status 200."""
    deadline = time.perf_counter() + timeout_s
    while ask(port, path) != 200:
        if time.perf_counter() > deadline:
            sys.exit(f"no answer at port {port}")
        time.sleep(0.02)


def ask(port: int, path: str) -> int | None:
    """Return the status of a GET; None without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def state(folder: Path) -> dict[str, Any]:
    """Return the state of the deployment ``bench``."""
    import yaml

    content: dict[str, Any] = yaml.safe_load((folder / "bench.mlem.state").read_text())
    return content


def sample(folder: Path, model: str) -> tuple[bytes, Any]:
    """Return the body of a request with a model's sample row, and the right answer."""
    import yaml

    found = yaml.safe_load((folder / f"{model}.mlem").read_text())["samples"]["predict_proba"]
    return json.dumps(found["args"]).encode(), found["returns"]
