"""Seconds to a pushed image: without Docker, by the Engine, and by `docker build` with pip as one writes it by hand.

    python benchmarks/images.py [--rounds 3] [--base 127.0.0.1:5000/library/python:3.11-slim]

Needs a Docker Engine and a registry on 127.0.0.1:5000 that has the base image. The model is iris, with scikit-learn and
pandas. Each round measures all ways in turn, each into a repository of its own: with empty caches (of layers, of uv and
of pip; `--no-cache` and another resolution for the Engine), a new model with the same packages, and nothing new.

To reach, cold: 0.2 x each of the others; a new model: at most 1 s and 0.03 x; nothing new: no layer is read. Memory: at
most 300 MiB.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REGISTRY = "127.0.0.1:5000"
BY_HAND = """FROM {base}
RUN python -m venv /venv && /venv/bin/pip install {packages}
COPY model /opt/model
ENTRYPOINT ["/venv/bin/python"]
"""
SAVE = """
import sys
from mlem import api
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=1000, C=float(sys.argv[2])).fit(X, y)
saved = api.save(model, sys.argv[1], sample_data=X, overwrite=True)
print(*(one.pip for one in saved.requirements))
"""


def run(*words: str | Path, env: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr[-2000:]}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: Path, base: str, number: int) -> dict[str, float]:
    """Measure all ways once."""
    mark = f"{os.getpid()}-{number}"
    cold = {"MLEM_IMAGE_CACHE": str(folder / "cache"), "UV_CACHE_DIR": str(folder / "uv"), "PIP_NO_CACHE_DIR": "1"}
    env = {**os.environ, **cold}
    packages = run(sys.executable, "-c", SAVE, "iris", "1", folder=folder).strip()
    run(sys.executable, "-c", SAVE, "other", "2", folder=folder)

    def image(model: str, tag: str) -> None:
        name = f"{REGISTRY}/bench/image-{mark}:{tag}"
        run("mlem", "build", "image", model, "--name", name, "--base_image", base, env=env, folder=folder)

    def engine(model: str, tag: str) -> None:
        run(
            *("mlem", "build", "docker", model, "--image_name", f"bench/engine-{mark}", "--tag", tag),
            *("--env.registry.host", REGISTRY, "--base_image", base, "--resolution", mark),
            folder=folder,
        )

    def by_hand(tag: str, *options: str) -> None:
        name = f"{REGISTRY}/bench/hand-{mark}:{tag}"
        run("docker", "build", "--tag", name, *options, folder / "context")
        run("docker", "push", name)

    (folder / "context" / "model").mkdir(parents=True)
    (folder / "context" / "model" / "iris").write_bytes((folder / "iris").read_bytes())
    (folder / "context" / "Dockerfile").write_text(BY_HAND.format(base=base, packages=packages))
    found = {
        "image, cold": seconds(lambda: image("iris", "1")),
        "engine, cold": seconds(lambda: engine("iris", "1")),
        "by hand, cold": seconds(lambda: by_hand("1", "--no-cache")),
        "image, new model": seconds(lambda: image("other", "2")),
        "engine, new model": seconds(lambda: engine("other", "2")),
        "image, nothing new": seconds(lambda: image("other", "2")),
        "engine, nothing new": seconds(lambda: engine("other", "2")),
    }
    (folder / "context" / "model" / "iris").write_bytes((folder / "other").read_bytes())
    found["by hand, new model"] = seconds(lambda: by_hand("2"))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default=f"{REGISTRY}/library/python:3.11-slim")
    options = parser.parse_args()
    figures: dict[str, list[float]] = {}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder:
            for name, value in measure(Path(folder), options.base, number).items():
                figures.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, value in medians.items():
        way, _, case = name.partition(", ")
        ratio = medians[f"image, {case}"] / value if way != "image" else 1.0
        each = ", ".join(f"{one:.2f}" for one in figures[name])
        print(f"{name:22} {value:7.2f} s   image is {ratio:5.3f} x   (all: {each})")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"the largest process of all ways: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
