"""How many calls of Heroku's API a deployment takes, against what it may take.

    python benchmarks/heroku_calls.py

On the simulator, with a Docker Engine and the registry that MLEM_TEST_REGISTRY names (127.0.0.1:5000). The second
figure of each line is the limit; the third what is left of the account's 4500 calls in an hour if the command is
repeated each minute.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from mlem.testing import Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_model.errors import MlemError
from mlem_provider_heroku.api.limits import CALLS_PER_HOUR

LIMITS = {"first run": 12, "run with nothing to change": 3, "status": 2}


def main() -> int:
    """Measure."""
    os.environ["HEROKU_API_KEY"] = "simulator"
    try:
        simulator = HerokuSimulator(registry=os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000"))
    except MlemError as error:
        print(f"no Docker Engine: nothing measured ({error.message})")
        return 0
    with simulator, tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder:
        project = Project.make(Path(folder))
        for name, factor in (("double", 2.0), ("triple", 3.0)):
            project.save(name, factor)
        env = simulator.options()
        commands = {
            "first run": (
                "run",
                "heroku",
                "bench",
                "--model",
                "double",
                "--app_name",
                "mlem-bench-calls",
                "--quantity",
                "2",
                *env,
            ),
            "run with nothing to change": ("run", "--load", "bench"),
            "status": ("status", "bench"),
            "another model": ("run", "--load", "bench", "--model", "triple"),
            "rollback": ("rollback", "bench"),
            "remove": ("remove", "bench"),
        }
        over = 0
        for title, arguments in commands.items():
            simulator.api.exchanges.clear()
            done = project.mlem("deployment", *arguments)
            if done.returncode:
                sys.exit(f"{title}: exit code {done.returncode}\n{done.stderr}")
            calls, limit = len(simulator.api.exchanges), LIMITS.get(title)
            over += limit is not None and calls > limit
            bound = f"of at most {limit:2d}" if limit else " " * 13
            print(
                f"{title:28s} {calls:3d} calls {bound}  {1 - calls * 60 / CALLS_PER_HOUR:5.0%} "
                "of the hour's calls left at one a minute"
            )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
