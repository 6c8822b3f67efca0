"""This tree beside an earlier commit: starting, serving and large bodies, in turn, in one run.

    python benchmarks/against.py COMMIT [--rounds 8] [--seconds 3] [--only serving]

Each side has an environment of its own, made with uv, with the same versions of all other packages: those of the
environment that runs this. Both save the same models, and both are asked with the same bytes. A line gives the medians,
and the median of the ratios of each round, this tree's to the commit's; what is told as a rate is better when larger.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy
from _serving import Command

ROOT = Path(__file__).parents[1]
PACKAGES = ("model", "core", "server", "provider-local")
SHAPE = (10_000, 100)
SAVE = f"""
import numpy, pandas, mlem.api
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "array", sample_data=X)
frame = pandas.DataFrame(X, columns=list("abcd"))
mlem.api.save(LogisticRegression(max_iter=1000).fit(frame, y), "frame", sample_data=frame)
mlem.api.save(RandomForestClassifier(100, random_state=0).fit(X, y), "forest", sample_data=X)
rows = numpy.random.default_rng(0).normal(size={SHAPE})
mlem.api.save(LogisticRegression().fit(rows, (rows[:, 0] > 0).astype(int)), "wide", sample_data=rows[:5])
"""
ROW = [5.1, 3.5, 1.4, 0.2]
SMALL = {
    "array": json.dumps({"X": [ROW]}),
    "frame": json.dumps({"X": [dict(zip("abcd", ROW, strict=True))]}),
    "forest": json.dumps({"X": [ROW]}),
}
Figures = dict[str, float]


@dataclass(frozen=True)
class Side:
    """A tree with its environment and its saved models."""

    name: str
    folder: Path

    @property
    def programs(self) -> Path:
        """Where its commands are."""
        return self.folder / "venv" / "bin"

    def run(self, *words: str) -> None:
        """Run one of its commands in its project."""
        command = [str(self.programs / words[0]), *words[1:]]
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "home")}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(words)[:200]} failed:\n{done.stdout}{done.stderr}")

    def serve(self, model: str, body: str) -> Command:
        """Serve one of its models."""
        command = [str(self.programs / "mlem-server"), model, "--host", "127.0.0.1", "--port", "{port}"]
        return Command(command, "/predict", body.encode(), self.folder)


def prepare(name: str, tree: Path, folder: Path) -> Side:
    """Make a side's environment, its project and its models."""
    folder.mkdir()
    side = Side(name, folder)
    frozen = subprocess.run(
        ["uv", "pip", "freeze", "--exclude-editable", "-p", sys.executable], capture_output=True, text=True, check=True
    )
    (folder / "constraints.txt").write_text(frozen.stdout)
    python = str(side.programs / "python")
    packages = [str(tree / "packages" / each) for each in PACKAGES if (tree / "packages" / each).is_dir()]
    subprocess.run(["uv", "venv", "-q", "-p", sys.executable, str(folder / "venv")], check=True)
    options = ["-q", "--compile-bytecode", "-p", python, "-c", str(folder / "constraints.txt")]
    others = ["scikit-learn", "pandas", "pyarrow"]
    subprocess.run(["uv", "pip", "install", *options, *packages, *others], check=True)
    side.run("mlem", "init")
    side.run("python", "-c", SAVE)
    return side


def seconds(side: Side, *words: str) -> float:
    """Return how long one of its commands takes."""
    began = time.perf_counter()
    side.run(*words)
    return time.perf_counter() - began


def starting(side: Side) -> Figures:
    """Measure the start of commands, in seconds; the least of five, as a busy moment only adds."""
    commands = {"mlem --help": ["--help"], "mlem deployment status": ["deployment", "status", "app"]}
    return {f"{name}, s": min(seconds(side, "mlem", *words) for _ in range(5)) for name, words in commands.items()}


def serving(side: Side, model: str, length_s: int) -> Figures:
    """Measure one row a request, the start of a server and its memory."""
    with side.serve(model, SMALL[model]) as server:
        server.requests_per_s(32, 1)
        rates = {f"{model}, {n} connections, 1/s": server.requests_per_s(n, length_s) for n in (1, 32)}
        return {
            **rates,
            f"{model}, ready, s": server.ready_s,
            f"{model}, memory, MiB": server.memory_bytes / 2**20,
        }


def payloads(side: Side) -> Figures:
    """Measure 10,000 x 100 numbers in each form, in seconds; the least of five."""
    import pyarrow

    rows = numpy.random.default_rng(0).normal(size=SHAPE)
    table = pyarrow.table({str(n): column for n, column in enumerate(rows.T)})
    npy, arrow = io.BytesIO(), io.BytesIO()
    numpy.save(npy, rows)
    with pyarrow.ipc.new_stream(arrow, table.schema) as stream:
        stream.write_table(table)
    bodies = {
        "application/json": json.dumps({"X": rows.tolist()}).encode(),
        "application/x-npy": npy.getvalue(),
        "application/vnd.apache.arrow.stream": arrow.getvalue(),
    }
    with side.serve("wide", json.dumps({"X": rows[:1].tolist()})) as server:
        return {f"{kind}, s": min(_call_s(server.url, kind, body) for _ in range(5)) for kind, body in bodies.items()}


def _call_s(url: str, kind: str, body: bytes) -> float:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.loads(response.read())
    assert len(answer) == SHAPE[0], answer
    return time.perf_counter() - began


@dataclass
class Trees:
    """Both sides, for as long as they are needed."""

    commit: str

    def __enter__(self) -> tuple[Side, Side]:
        self._folder = Path(tempfile.mkdtemp(prefix="mlem-against-"))
        before = self._folder / "tree"
        before.mkdir()
        archive = subprocess.run(["git", "archive", self.commit], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(before)], input=archive.stdout, check=True)
        sides = (prepare(self.commit, before, self._folder / "old"), prepare("now", ROOT, self._folder / "new"))
        for side in sides:
            side.run("mlem", "deployment", "run", "local", "app", "--model", "array")
        return sides

    def __exit__(self, *_: object) -> None:
        for side in ("old", "new"):
            Side(side, self._folder / side).run("mlem", "deployment", "remove", "app")
        shutil.rmtree(self._folder)


def rounds(sides: tuple[Side, Side], count: int, length_s: int, only: str) -> Iterator[tuple[Figures, Figures]]:
    """Measure both sides in turn; which begins changes from round to round."""
    models = [partial(serving, model=model, length_s=length_s) for model in SMALL]
    measures = {"starting": [starting], "serving": models, "payloads": [payloads]}
    chosen = [measure for name, group in measures.items() if only in ("", name) for measure in group]
    for number in range(count):
        for measure in chosen:
            first, second = (measure(side) for side in (sides if number % 2 else sides[::-1]))
            yield (first, second) if number % 2 else (second, first)


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", default="", choices=["", "starting", "serving", "payloads"])
    options = parser.parse_args()
    pairs: dict[str, list[tuple[float, float]]] = {}
    with Trees(options.commit) as sides:
        for before, now in rounds(sides, options.rounds, options.seconds, options.only):
            for name in before:
                pairs.setdefault(name, []).append((before[name], now[name]))
    for name, found in pairs.items():
        old, new = (statistics.median(values) for values in zip(*found, strict=True))
        ratios = sorted(now / before for before, now in found)
        spread = f"{ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}"
        print(f"{name:50} {old:10.4g} -> {new:10.4g}   ratio {statistics.median(ratios):.3f}   (half: {spread})")


if __name__ == "__main__":
    main()
