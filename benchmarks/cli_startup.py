"""How long the command line takes to start, as ratios of medians in one run.

    mlem --help                      against  python -c "import click, pluggy"                   at most 1.5
    mlem deployment status iris-app  against  python -c "import click, pluggy, yaml, pydantic"   at most 1.6

`import pydantic` alone loads next to nothing of pydantic (its names are lazy), so a third pair measures against the
least that any command with a pydantic model pays: ``from pydantic import BaseModel, Field``. After each command no SDK
may be loaded.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 21
SDKS = (
    "docker",
    "boto3",
    "botocore",
    "sagemaker",
    "heroku3",
    "sklearn",
    "numpy",
    "pandas",
    "fsspec",
    "httptools",
    "urllib3",
    "uvicorn",
    "rich",
)
MODEL = (
    "import mlem.api\ndef double(x: float) -> float:\n    return x * 2\n"
    "mlem.api.save(double, 'double', sample_data=1.0)\n"
)
LOADED = """
import sys
from mlem.cli.main import main
try:
    main({arguments!r})
except SystemExit:
    pass
print("loaded:", *sorted(set({sdks!r}) & set(sys.modules)), file=sys.stderr)
"""


def seconds(command: list[str], folder: Path) -> float:
    """Run a command and return its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def ratio(command: list[str], peer: list[str], folder: Path) -> tuple[float, float, float]:
    """Time two commands in turn; return their median times in seconds and the ratio of the medians."""
    pairs = [(seconds(command, folder), seconds(peer, folder)) for _ in range(RUNS + 2)][2:]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    return ours, theirs, ours / theirs


def loaded_sdks(arguments: list[str], folder: Path) -> str:
    """Return which SDKs a command has loaded."""
    script = LOADED.format(arguments=arguments, sdks=SDKS)
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, capture_output=True, text=True)
    return done.stderr.rpartition("loaded:")[2].strip() or "none"


def main() -> None:
    """Measure and print."""
    mlem = str(Path(sys.executable).with_name("mlem"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        subprocess.run([mlem, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-c", MODEL], cwd=folder, check=True)
        deploy = [mlem, "deployment", "run", "local", "iris-app", "--model", "double"]
        subprocess.run(deploy, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        try:
            report(mlem, folder)
        finally:
            subprocess.run(
                [mlem, "deployment", "remove", "iris-app"], cwd=folder, check=True, stdout=subprocess.DEVNULL
            )


def report(mlem: str, folder: Path) -> None:
    """Print a line for each pair."""
    helped, status = ["--help"], ["deployment", "status", "iris-app"]
    rows = [
        (helped, "import click, pluggy", 1.5),
        (status, "import click, pluggy, yaml, pydantic", 1.6),
        (status, "import click, pluggy, yaml; from pydantic import BaseModel, Field", None),
    ]
    for arguments, peer, limit in rows:
        ours, theirs, found = ratio([mlem, *arguments], [sys.executable, "-c", peer], folder)
        goal = f"(to reach: {limit})" if limit else "(for comparison)"
        print(
            f"mlem {' '.join(arguments)}: {ours * 1000:.0f} ms / {theirs * 1000:.0f} ms = {found:.2f} x {peer!r} {goal}"
        )
    for arguments in (helped, status):
        print(f"SDKs loaded after mlem {' '.join(arguments)}: {loaded_sdks(arguments, folder)}")


if __name__ == "__main__":
    main()
