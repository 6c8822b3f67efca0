"""`mlem deployment run docker` against `docker build && docker run` by hand, in one run.

Both use the same Dockerfile and the same model.

    python benchmarks/docker_overhead.py [ROUNDS]

Each cold run gets a build argument of its own, so that no layer is in the cache but the base image. The two sides take
turns, and which begins changes from round to round. Limits: overhead at most 1.15 x; a second run with nothing changed
at most 0.1 x of the first; a new model with the same requirements at most 0.25 x; the image at most 40 MB over its base
and requirements.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from _docker import docker, engine_or_exit, first_answer, mlem, project


def by_mlem(folder: Path) -> dict[str, float]:
    """Measure a first run, a second one, and one with a new model."""
    cold = ["--build_arguments.BENCH", os.urandom(8).hex()]
    seconds = {}
    for what, arguments in (
        ("first", ["docker", "bench", "--model", "iris", *cold]),
        ("nothing changed", ["--load", "bench"]),
        ("new model", ["--load", "bench", "--model", "iris-v2"]),
    ):
        began = time.perf_counter()
        mlem(folder, "deployment", "run", *arguments)
        seconds[what] = time.perf_counter() - began
    return seconds


def by_hand(folder: Path) -> float:
    """Measure building and running the same by hand, until the first 200."""
    mlem(folder, "build", "docker_dir", "iris", "--target", "ctx", "--build_arguments.BENCH", "-")
    began = time.perf_counter()
    docker("build", "-q", "-t", "mlem-bench-hand", "--build-arg", f"BENCH={os.urandom(8).hex()}", str(folder / "ctx"))
    id_ = docker("run", "-d", "-p", "127.0.0.1::8080", "mlem-bench-hand").strip()
    try:
        first_answer(int(docker("port", id_, "8080/tcp").strip().rpartition(":")[2]))
        return time.perf_counter() - began
    finally:
        docker("rm", "-f", id_)
        docker("rmi", "mlem-bench-hand")


def own_mb(folder: Path) -> float:
    """Return what the image has beyond its base and the model's requirements, in MB of 10^6 bytes."""
    import yaml

    image = yaml.safe_load((folder / "bench.mlem.state").read_text())["image"]["image"]
    (found,) = json.loads(docker("image", "inspect", image))
    (base,) = json.loads(docker("image", "inspect", "python:3.11-slim"))
    label = found["Config"]["Labels"]["mlem.builder"]
    builder = docker("images", "-q", "--filter", "dangling=true", "--filter", f"label=mlem.builder={label}").split()[0]
    requirements = 0
    for line in docker(
        "history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", builder
    ).splitlines():
        size, _, command = line.partition(" ")
        if "-r /build/requirements.txt" in command or "-m venv" in command:
            requirements += int(size)
    return (int(found["Size"]) - int(base["Size"]) - requirements) / 1e6


def main() -> int:
    """Measure and print."""
    engine_or_exit()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    mlem_s, hand_s = [], []
    size_mb = 0.0
    for number in range(rounds):
        with project() as folder:
            if number % 2:
                hand_s.append(by_hand(folder))
            mlem_s.append(by_mlem(folder))
            size_mb = own_mb(folder)
            if not number % 2:
                hand_s.append(by_hand(folder))
    first = sum(each["first"] for each in mlem_s)
    print(
        f"rounds: {rounds}; mlem {[round(each['first'], 1) for each in mlem_s]} s, "
        f"by hand {[round(each, 1) for each in hand_s]} s"
    )
    failed = False
    for what, value, limit in (
        ("first run / by hand", first / sum(hand_s), 1.15),
        ("second run, nothing changed / first", sum(each["nothing changed"] for each in mlem_s) / first, 0.1),
        ("new model, same requirements / first", sum(each["new model"] for each in mlem_s) / first, 0.25),
        ("image over its base and requirements, MB", size_mb, 40.0),
    ):
        failed |= value > limit
        print(f"{what:45} {value:8.3f}   limit {limit:g}{'   EXCEEDED' if value > limit else ''}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
