"""How many calls of AWS's API a first run, a run with nothing to do, a status and an update take.

    python benchmarks/sagemaker_calls.py

Every HTTP request that boto3 sends is counted where it arrives, in `tools/simulators/sagemaker_server.py`: looks at the
endpoint while it is made, calls through SageMaker's runtime and repeated requests included. The image's layers go from
the Engine to the registry and are no calls of the API. How often the endpoint is looked at depends on how long it
takes: here some seconds, and one look is enough. The last columns count the looks that the default pauses make of three
and of five minutes instead. Needs a Docker Engine and a registry (`tools/engine/start.py`), `moto[server]` and `cbor2`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "simulators"))
sys.path.insert(0, str(Path(__file__).parent))

from _docker import engine_or_exit, mlem, project
from sagemaker_server import SageMaker, sagemaker

LIMITS = {"first run": 16, "no-op run": 4, "status": 1, "update": 12, "update that prunes": 12}
LOOK = "DescribeEndpoint"
OPTIONS = [
    "--env.role=mlem-endpoints",
    f"--env.ecr_repository=mlem-bench/{os.getpid()}",
    f"--endpoint_name=mlem-bench-{os.getpid()}",
    "--poll_s=2",
    "--keep_releases=2",
]


def counted(server: SageMaker, folder: Path, *arguments: str) -> Counter[str]:
    """Run a command and count its calls by operation."""
    server.calls.clear()
    mlem(folder, "deployment", *arguments)
    return Counter(call.action for call in server.calls)


def looks_in(duration_s: float) -> int:
    """Return how often an endpoint is looked at that takes so long, with the default pauses."""
    from mlem_provider_sagemaker.deployment import SagemakerDeployment

    passed = 0.0
    for looks, pause_s in enumerate(SagemakerDeployment().pauses(), 1):
        passed += pause_s
        if passed >= duration_s:
            return looks
    raise AssertionError("unreachable")


def main() -> int:
    """Measure and print."""
    engine_or_exit()
    registry = os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")
    with sagemaker(registry) as server, project() as folder:
        os.environ.update(server.environment)
        found: dict[str, Any] = {}
        found["first run"] = counted(server, folder, "run", "sagemaker", "bench", "--model", "iris", *OPTIONS)
        found["no-op run"] = counted(server, folder, "run", "--load", "bench")
        found["status"] = counted(server, folder, "status", "bench")
        found["update"] = counted(server, folder, "run", "--load", "bench", "--model", "iris-v2")
        found["update that prunes"] = counted(server, folder, "run", "--load", "bench", "--model", "iris-v3")
        mlem(folder, "deployment", "remove", "bench")
    failed = False
    print(f"{'operation':20} {'calls':>5} {'limit':>5} {'looks':>5} {'runtime':>7} {'at 3 min':>8} {'at 5 min':>8}")
    for name, calls in found.items():
        total = sum(calls.values())
        failed |= total > LIMITS[name]
        waited = calls[LOOK] - (0 if name == "first run" else 1)  # one look is the plan's
        longer = [total - waited + looks_in(minutes * 60.0) if "CreateModel" in calls else total for minutes in (3, 5)]
        row = (
            f"{name:20} {total:5} {LIMITS[name]:5} {calls[LOOK]:5} {calls['InvokeEndpoint']:7} "
            f"{longer[0]:8} {longer[1]:8}"
        )
        print(row)
        print("    " + ", ".join(f"{action} {number}" if number > 1 else action for action, number in calls.items()))
    return int(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"nothing measured: {error}")
        sys.exit(0)
