"""Requests per second and latency of models of PyTorch, XGBoost and Transformers, beside their own or usual servers.

    python benchmarks/frameworks.py [--rounds 3] [--seconds 3] [--only torch] [--python PYTHON]

One row or text a request, one processor for the server and one for ``wrk``, with 1 and with 32 connections, all servers
of a model in turn, so many rounds. The others are an application on FastAPI, uvicorn, uvloop, httptools and orjson, as
one would write it for speed, and LitServe, with and without its batches. All have one environment, with the same
framework: this script makes it with pip under ``~/.cache/mlem-bench`` (``MLEM_BENCH_FOLDER``), or takes the one of
``--python``, which has what `PACKAGES` lists, and our distributions as they are here. Answers are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _frameworks_servers import BARE, LITSERVE, MODELS
from _serving import Command, Load

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("MLEM_BENCH_FOLDER", Path.home() / ".cache" / "mlem-bench")) / "frameworks"
OURS = [str(ROOT / "packages" / name) for name in ("model", "core", "server")]
PACKAGES = ("torch", "xgboost", "transformers", "scikit-learn", "pandas", "litserve==0.2.19", "fastapi", "uvicorn")
PACKAGES += ("httptools", "uvloop", "orjson")
BARE_NAME, OURS_NAME = "bare application", "this server"
TOLERANCE = 1e-5
CONNECTIONS = (1, 32)


def environment() -> Path:
    """Make the environment, or bring ours in it up to date; return its Python."""
    python = FOLDER / "environment" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "environment")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    editable = [word for path in OURS for word in ("-e", path)]
    subprocess.run([str(python), "-m", "pip", "install", "-q", *editable], check=True)
    return python


@dataclass(frozen=True)
class Server:
    """A server to measure.

    Attributes:
        name: As the table has it.
        command: The command; ``{port}`` is filled in.
        variables: Its environment, beside this process's.
    """

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]


def servers(python: Path) -> Iterator[Server]:
    """Yield the servers, which find a model in the folder that they are started in."""
    shared = {"PYTHONPATH": os.pathsep.join([".", *(f"{path}/src" for path in OURS)])}
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "error"]
    yield Server(BARE_NAME, [str(python), "-m", "uvicorn", "bare:app", "--port", "{port}", *options], shared)
    yield Server(
        OURS_NAME, [str(python), "-m", "mlem_server", "net", "--host", "127.0.0.1", "--port", "{port}"], shared
    )
    for name, batch in (("LitServe", "1"), ("LitServe, batches", "32")):
        yield Server(name, [str(python), "lit.py", "{port}"], {**shared, "BATCH": batch})


def prepare(python: Path, model: str) -> tuple[Path, str]:
    """Train and save a model; return its folder, and why it can't be served by ours, if so."""
    work = FOLDER / model
    work.mkdir(parents=True, exist_ok=True)
    for file, text in (("model.py", MODELS[model].code), ("bare.py", BARE), ("lit.py", LITSERVE)):
        (work / file).write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", *(f"{path}/src" for path in OURS)])}
    code = "import model; model.train()"
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", code],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return work, done.stderr.strip().splitlines()[-1] if done.returncode else ""


def close(one: Any, other: Any) -> bool:
    """Say whether two answers are the same, as far as single precision allows."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE * max(1.0, abs(one))
    return bool(one == other)


Figures = dict[str, dict[int, list[Load]]]


def measure(python: Path, model: str, rounds: int, seconds: int) -> Figures:
    """Measure all servers of a model in turn, so many times over."""
    work, why = prepare(python, model)
    if why:
        print(f"{model}: left out: {why}", flush=True)
        return {}
    figures: Figures = {}
    left_out: set[str] = set()
    expected: Any = None
    for _ in range(rounds):
        for server in servers(python):
            if server.name in left_out:
                continue
            body = json.dumps(MODELS[model].body).encode()
            try:
                with Command(server.command, "/predict", body, work, server.variables) as running:
                    answer = json.loads(running.ask() or b"null")
                    expected = answer if expected is None else expected
                    if not close(expected, answer):
                        sys.exit(f"{model}: {server.name} answers {answer}, the {BARE_NAME} {expected}")
                    running.load(32, 1)
                    for connections in CONNECTIONS:
                        found = figures.setdefault(server.name, {}).setdefault(connections, [])
                        found.append(running.load(connections, seconds))
            except RuntimeError as error:
                print(f"{model}, {server.name}: left out: {str(error)[-400:]}", flush=True)
                left_out.add(server.name)
    return {name: found for name, found in figures.items() if name not in left_out}


def table(model: str, figures: Figures) -> str:
    """Lay the medians out, with the ratio of each server's requests to the bare application's."""
    heads = [f"{count} connection{'s' * (count > 1)}, requests/s | x bare | p50, ms | p99, ms" for count in CONNECTIONS]
    lines = [f"| {model} | {' | '.join(heads)} |", "|---" * 9 + "|"]
    bare = {count: _median(figures[BARE_NAME][count], "requests_per_s") for count in CONNECTIONS}
    for name, found in figures.items():
        cells = []
        for count in CONNECTIONS:
            rate = _median(found[count], "requests_per_s")
            p50, p99 = _median(found[count], "p50_ms"), _median(found[count], "p99_ms")
            cells.append(f"{rate:.0f} | {rate / bare[count]:.2f} | {p50:.2f} | {p99:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(loads: Sequence[Load], what: str) -> float:
    return statistics.median(getattr(load, what) for load in loads)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", choices=MODELS, action="append")
    parser.add_argument("--python", type=Path, help="the Python of an environment that has everything")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = options.python or environment()
    for model in options.only or MODELS:
        figures = measure(python, model, options.rounds, options.seconds)
        if BARE_NAME in figures:
            print(table(model, figures), flush=True)


if __name__ == "__main__":
    main()
