"""Try every kind of model that people have, and write the matrix of the documentation.

    python tools/frameworks.py [--only WORD ...] [--without-docker] [--wheels FOLDER] [--index URL]

Each row is a process of its own: see `framework_matrix.trial`. Rows are kept in `framework_matrix/rows.json`, so that
some can be tried anew, and the page is made of all of them. What fails is said, stands in the table by its word, and
makes the exit code 1. Without Docker nothing is written.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from framework_matrix import page, row, wheels
from framework_matrix.kind import Kind
from framework_matrix.kinds import KINDS
from framework_matrix.row import Row


def tried(kind: Kind, pip_arguments: Sequence[str] | None) -> Row:
    """Try a kind of model in a process of its own; one that dies has failed altogether."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **kind.variables, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "row.json")
        command = [sys.executable, "-W", "ignore", "-m", "framework_matrix.trial", kind.name, str(file)]
        done = subprocess.run([*command, json.dumps(pip_arguments)], env=environment, check=False)
        if file.exists():
            return row.read(file)[kind.name]
        return Row(kind.name, "", failed={"save": f"its process ended by {done.returncode}"}, cells={"save": "crash"})


def main() -> int:
    """Try what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="a part of a row's name; several may be given")
    parser.add_argument("--without-docker", action="store_true", help="local deployments alone; writes nothing")
    parser.add_argument(
        "--wheels",
        type=Path,
        default=_wheels_of_pip(),
        help="a folder with a wheel of PyTorch without CUDA (default: the folder of PIP_FIND_LINKS)",
    )
    parser.add_argument(
        "--index", help="the address of PyTorch's index for CPUs, as https://pytorch.org/get-started/locally names it"
    )
    options = parser.parse_args()
    words = [word.lower() for word in options.only]
    chosen = [kind for kind in KINDS.values() if not words or any(word in kind.name.lower() for word in words)]
    if not chosen:
        parser.error(f"no row has that in its name; there are: {', '.join(KINDS)}")
    found: dict[str, Row] = {}
    with_docker = not options.without_docker
    with contextlib.ExitStack() as stack:
        of_torch = stack.enter_context(wheels.arguments(options.wheels, options.index)) if with_docker else []
        for kind in chosen:
            print(f"{kind.name} ...", file=sys.stderr, flush=True)
            pip_arguments = (of_torch if wheels.needs_torch(kind) else []) if with_docker else None
            found[kind.name] = tried(kind, pip_arguments)
            for column, said in found[kind.name].failed.items():
                print(f"{kind.name}, {column}: {said}", file=sys.stderr, flush=True)
            if with_docker:
                rows = page.merged(KINDS, row.read(), found)
                row.write(rows)
                page.FILE.write_text(page.page(rows), encoding="utf-8")
    print(page.table(found.values()))
    return 1 if any(one.failed for one in found.values()) else 0


def _wheels_of_pip() -> Path | None:
    place = os.environ.get("PIP_FIND_LINKS", "")
    return Path(place) if place and Path(place).is_dir() else None


if __name__ == "__main__":
    raise SystemExit(main())
