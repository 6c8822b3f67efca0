"""Seconds to a pushed image: without Docker, by the Engine, and by `docker build` with pip as one writes it by hand.

    python benchmarks/images.py [--rounds 3] [--base 127.0.0.1:5000/library/python:3.11-slim]

Needs a Docker Engine, psutil, and a registry on 127.0.0.1:5000 that has the base image. The model is iris, with
scikit-learn and pandas. Each round measures all ways in turn, each into a repository of its own: with empty caches (of
layers, of uv and of pip; `--no-cache` and another resolution for the Engine), a new model with the same packages, and
nothing new.

To reach, cold: 0.2 x each of the others; a new model: at most 1 s and 0.03 x; nothing new: no layer is read. Memory: at
most 300 MiB, of all processes together, also while the image of a model of 500 MB is made (`--large`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

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
if sys.argv[3:]:
    import numpy
    model.ballast_ = numpy.random.default_rng(0).random(int(sys.argv[3]) // 8)
saved = api.save(model, sys.argv[1], sample_data=X, overwrite=True)
print(*(one.pip for one in saved.requirements))
"""


PUSHED = re.compile(r"pushing (\d+ of \d+ layers \([^)]*\))")


class Peak:
    """The most memory that a process and its children had, in MiB, looked at every 20 ms; shared pages count once."""

    def __init__(self, number: int) -> None:
        self.mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(psutil.Process(number),))
        self._thread.start()

    def _look(self, process: psutil.Process) -> None:
        while not self._ended.wait(0.02):
            with contextlib.suppress(psutil.Error):
                every = [process, *process.children(recursive=True)]
                self.mib = max(self.mib, sum(one.memory_full_info().pss for one in every) / 2**20)

    def end(self) -> float:
        """Return it."""
        self._ended.set()
        self._thread.join()
        return self.mib


def measured(*words: str, env: dict[str, str], folder: Path) -> tuple[str, float]:
    """Run a command; return what it says of what it pushes, and its memory in MiB."""
    process = subprocess.Popen(words, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = Peak(process.pid)
    output, _ = process.communicate()
    mib = peak.end()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: {output[-2000:]}")
    found = PUSHED.search(output)
    return found[1] if found else "", mib


def run(*words: str | Path, env: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr[-2000:]}")
    return done.stdout + done.stderr


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: Path, base: str, number: int, said: list[str]) -> dict[str, float]:
    """Measure all ways once; what our own way pushes is said."""
    mark = f"{os.getpid()}-{number}"
    cold = {"MLEM_IMAGE_CACHE": str(folder / "cache"), "UV_CACHE_DIR": str(folder / "uv"), "PIP_NO_CACHE_DIR": "1"}
    env = {**os.environ, **cold}
    packages = run(sys.executable, "-c", SAVE, "iris", "1", folder=folder).splitlines()[0]
    run(sys.executable, "-c", SAVE, "other", "2", folder=folder)

    def image(model: str, tag: str) -> None:
        name = f"{REGISTRY}/bench/image-{mark}:{tag}"
        words = ("mlem", "build", "image", model, "--name", name, "--base_image", base)
        found = PUSHED.search(run(*words, env=env, folder=folder))
        said.append(f"{model}: pushed {found[1] if found else 'nothing'}")

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


def measure_image(folder: Path, base: str) -> None:
    """Make an image once: what is imported is compiled then."""
    env = {**os.environ, "MLEM_IMAGE_CACHE": str(folder / "cache")}
    run(sys.executable, "-c", SAVE, "iris", "1", folder=folder)
    run("mlem", "build", "image", "iris", "--folder", "image", "--base_image", base, env=env, folder=folder)


def measure_large(folder: Path, base: str) -> None:
    """Say what memory the image of a model of 500 MB takes, everything cold."""
    env = {**os.environ, "MLEM_IMAGE_CACHE": str(folder / "cache"), "UV_CACHE_DIR": str(folder / "uv")}
    run(sys.executable, "-c", SAVE, "large", "1", str(500 * 10**6), folder=folder)
    name = f"{REGISTRY}/bench/large-{os.getpid()}:1"
    words = ("mlem", "build", "image", "large", "--name", name, "--base_image", base)
    began = time.perf_counter()
    pushed, mib = measured(*words, env=env, folder=folder)
    print(f"large: {time.perf_counter() - began:.2f} s, pushed {pushed}, {mib:.0f} MiB of memory")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default=f"{REGISTRY}/library/python:3.11-slim")
    parser.add_argument("--large", action="store_true", help="only the image of a model of 500 MB")
    options = parser.parse_args()
    if options.large:
        with tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder:
            measure_large(Path(folder), options.base)
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # who has installed mlem has its modules compiled
    figures: dict[str, list[float]] = {}
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder:
        measure_image(Path(folder), options.base)
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder:
            for name, value in measure(Path(folder), options.base, number, said).items():
                figures.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, value in medians.items():
        way, _, case = name.partition(", ")
        ratio = medians[f"image, {case}"] / value if way != "image" else 1.0
        each = ", ".join(f"{one:.2f}" for one in figures[name])
        print(f"{name:22} {value:7.2f} s   image is {ratio:5.3f} x   (all: {each})")
    print(*said, sep="\n")


if __name__ == "__main__":
    main()
