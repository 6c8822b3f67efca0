"""What deploying several at once takes, side by side with one command after the other, in one run.

    python benchmarks/together.py [--deployments 8] [--rounds 3]

Local deployments of one scikit-learn model, each a process of its own. Prints, as medians of interleaved rounds:

- ``mlem deployment run --all`` against as many ``run --load NAME`` one after the other; to reach: at most 0.4 x;
- the same for ``remove``.

The work of a start is mostly a processor's (Python, scikit-learn): two processors bound the ratio at about one half,
and what is saved beyond that are the commands' own starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mlem import api

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X)
"""


def mlem(folder: Path, *words: str) -> float:
    """Run a command of ``mlem deployment``, and return the seconds that it took."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "mlem.cli", "deployment", *words]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def one_after_the_other(folder: Path, names: Sequence[str]) -> tuple[float, float]:
    """Return the seconds that deploying and removing takes, a command for each."""
    ran = sum(mlem(folder, "run", "--load", name) for name in names)
    return ran, sum(mlem(folder, "remove", name) for name in names)


def together(folder: Path) -> tuple[float, float]:
    """Return the seconds that deploying and removing takes, one command for all."""
    return mlem(folder, "run", "--all"), mlem(folder, "remove", "--all")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = [f"app-{number}" for number in range(options.deployments)]
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "home")
        folder = Path(name) / "project"
        folder.mkdir()
        api.init(folder)
        subprocess.run([sys.executable, "-c", TRAIN], cwd=folder, check=True)
        for each in names:
            api.declare_deployment("local", each, {"model": str(folder / "iris")}, project=folder)
        rounds = [(one_after_the_other(folder, names), together(folder)) for _ in range(options.rounds)]
    print(f"{options.deployments} local deployments, {os.cpu_count()} processors, {options.rounds} rounds")
    for index, what in enumerate(("run", "remove")):
        apart = statistics.median(one[index] for one, _ in rounds)
        at_once = statistics.median(all_[index] for _, all_ in rounds)
        ratio = statistics.median(all_[index] / one[index] for one, all_ in rounds)
        goal = " (to reach: 0.4)" if what == "run" else ""
        print(f"{what}: one after the other {apart:.2f} s, at once {at_once:.2f} s = {ratio:.2f} x{goal}")


if __name__ == "__main__":
    main()
