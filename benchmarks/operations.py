"""What a list of many deployments costs, side by side with asking the store by hand, in one run.

    python benchmarks/operations.py [--deployments 200] [--rounds 7]

On SeaweedFS, which it starts: the states of 200 local deployments that have ended, in one bucket. Prints, as medians of
interleaved rounds:

- `list_deployments` of the store, against one LIST and as many GETs by boto3 with the same number of threads and
  connections; to reach: at most 3 x. Ours also reads each state, and looks at its platform;
- the requests of such a list, counted by botocore's events: one LIST, and a GET for each;
- ``mlem deployment list --state`` as a command.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "simulators"))

import s3_servers

from mlem import api
from mlem.deployments.overview.listing import list_deployments
from mlem.deployments.overview.parallel import WORKERS
from mlem.state.manager import ABSENT
from mlem_state_s3.state_manager import S3StateManager

BUCKET = "states"
URI = f"s3://{BUCKET}/team"


def double(numbers: list[float]) -> list[float]:
    """Answer twice each number."""
    return [number * 2 for number in numbers]


double.__module__ = "__main__"


def client(url: str) -> Any:
    """Return a client of the store by hand."""
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=WORKERS, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=url, config=config)


def fill(url: str, folder: Path, count: int) -> None:
    """Deploy once, and write its state under many names, each of a lineage of its own."""
    api.init(folder)
    with (folder / ".mlem.yaml").open("a") as config:
        config.write(f"core: {{state: {{uri: '{URI}', endpoint_url: '{url}'}}}}\n")
    api.save(double, "double", sample_data=[1.0], project=folder)
    handle = api.deploy("local", "app", model="double", project=folder)
    state = handle.state()
    assert state is not None
    handle.remove()
    store = S3StateManager(uri=URI, endpoint_url=url).store(folder)

    def write(number: int) -> None:
        copy = state.model_copy(update={"lineage": f"{number:032x}", "lock": None})
        store.write(f"app-{number:05d}", copy.to_bytes(), ABSENT)

    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(write, range(count)))


def by_hand(url: str) -> int:
    """List the bucket and get each object; return how many there are."""
    s3 = client(url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="team/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    with ThreadPoolExecutor(WORKERS) as threads:
        return len(list(threads.map(lambda key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(), keys)))


def seconds(action: Callable[[], Any]) -> float:
    """Return how long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def requests_of_a_list(folder: Path) -> dict[str, int]:
    """Count the requests of one list by botocore's events."""
    import botocore.client

    counted: dict[str, int] = {}
    send = botocore.client.BaseClient._make_api_call

    def count(self: Any, operation: str, arguments: Any) -> Any:
        counted[operation] = counted.get(operation, 0) + 1
        return send(self, operation, arguments)

    botocore.client.BaseClient._make_api_call = count
    try:
        list_deployments(folder, state=URI)
    finally:
        botocore.client.BaseClient._make_api_call = send
    return counted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, s3_servers.seaweedfs(Path(name) / "weed") as server:
        os.environ.update(server.environment)
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "home")
        client(server.url).create_bucket(Bucket=BUCKET)
        folder = Path(name) / "project"
        folder.mkdir()
        fill(server.url, folder, options.deployments)
        found = list_deployments(folder, state=URI)
        assert len(found) == options.deployments == by_hand(server.url), len(found)
        assert not [one.error for one in found if one.error], found[0]
        ours, hand = [], []
        for _ in range(options.rounds):
            ours.append(seconds(lambda: list_deployments(folder, state=URI)))
            hand.append(seconds(lambda: by_hand(server.url)))
        command = [sys.executable, "-m", "mlem.cli", "deployment", "list", "--state", URI, "--output", "json"]
        whole = seconds(lambda: subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL))
        print(f"{options.deployments} deployments, {WORKERS} threads")
        print(f"list {statistics.median(ours):.2f} s / by hand {statistics.median(hand):.2f} s = ", end="")
        print(f"{statistics.median(a / b for a, b in zip(ours, hand, strict=True)):.2f} x (to reach: 3)")
        print(f"requests: {requests_of_a_list(folder)}")
        print(f"the command: {whole:.2f} s")


if __name__ == "__main__":
    main()
