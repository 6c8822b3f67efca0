"""What a list of many deployments costs, side by side with asking the store by hand, in one run.

    python benchmarks/operations.py [--deployments 200] [--rounds 7] [--grow 100 1000 10000]

On SeaweedFS, which it starts: the states of 200 local deployments that have ended, in one bucket. Prints, as medians of
interleaved rounds:

- `list_deployments` of the store, against one LIST and as many GETs by boto3 with the same number of threads and
  connections; to reach: at most 3 x. Ours also reads each state, and looks at its platform;
- the requests of such a list, counted by botocore's events: one LIST, and a GET for each;
- ``mlem deployment list --state`` as a command;
- with ``--grow``, stores of so many states: the command's time, its memory at the peak, and its requests as they grow;
- the requests of ``run``, ``status`` and ``remove`` of one deployment; ``status`` to reach: at most 2 round trips;
- what a month costs at S3's prices, by these requests: each of the deployments is run once a day, and the whole store
  is listed once an hour, as a dashboard does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
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
    if not (folder / ".mlem.yaml").exists():
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
        if store.read(f"app-{number:05d}") is None:
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


def requests_of(action: Callable[[], Any]) -> dict[str, int]:
    """Count the requests of an action by botocore's events."""
    import botocore.client

    counted: dict[str, int] = {}
    send = botocore.client.BaseClient._make_api_call

    def count(self: Any, operation: str, arguments: Any) -> Any:
        counted[operation] = counted.get(operation, 0) + 1
        return send(self, operation, arguments)

    botocore.client.BaseClient._make_api_call = count
    try:
        action()
    finally:
        botocore.client.BaseClient._make_api_call = send
    return counted


COMMAND = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run([sys.executable, "-m", "mlem.cli", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"s": time.perf_counter() - began, "mib": peak / 1024}))
"""


def measured(folder: Path, *words: str) -> dict[str, float]:
    """Run a command; return its seconds, and its memory at the peak in MiB."""
    done = subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=folder, check=True, capture_output=True)
    return dict(json.loads(done.stdout))


def grow(folder: Path, url: str, sizes: Sequence[int]) -> None:
    """Print what a list costs as a store grows."""
    start = measured(folder, "--help")
    print(f"mlem --help: {start['s']:.2f} s, {start['mib']:.0f} MiB")
    print("states  list, s  per state, ms  peak, MiB  requests")
    for size in sorted(sizes):
        fill(url, folder, size)
        listed = measured(folder, "deployment", "list", "--state", URI, "--output", "json")
        requests = requests_of(lambda: list_deployments(folder, state=URI))
        words = ", ".join(f"{count} {name}" for name, count in sorted(requests.items()))
        per_ms = listed["s"] / size * 1000
        print(f"{size:6}  {listed['s']:7.1f}  {per_ms:13.2f}  {listed['mib']:9.0f}  {words}", flush=True)


PRICES = {"Put": 0.005, "List": 0.005, "Get": 0.0004, "Head": 0.0004, "Delete": 0.0}
"""US dollars for 1,000 requests, S3 Standard in us-east-1. Source: Amazon S3 pricing, "Requests & data retrievals"
(read 2026-11)."""
STORED = 0.023
"""US dollars for a GB and month. Source: the same page, "Storage"."""


def cost(requests: Mapping[str, int]) -> float:
    """Return what requests cost, in US dollars."""
    kinds = {name: next(kind for kind in PRICES if name.startswith(kind)) for name in requests}
    return sum(count * PRICES[kinds[name]] / 1000 for name, count in requests.items())


def month(folder: Path, deployments: int) -> None:
    """Print the requests of one deployment's commands, and what a month of it costs."""
    handle = api.load("app", folder, kind="deployment")
    counted = {"run": requests_of(handle.run), "status": requests_of(handle.status)}
    stored = handle.target.store.read(handle.name)
    size = len(stored.data) if stored is not None else 0
    counted["a second run"] = requests_of(handle.run)
    counted["remove"] = requests_of(handle.remove)
    for name, requests in counted.items():
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(requests.items()))
        goal = " (to reach: 2 round trips)" if name == "status" else ""
        print(f"{name}: {words}{goal}")
    listed = {"ListObjectsV2": -(-deployments // 1000), "GetObject": deployments}
    runs, lists = 30 * deployments * cost(counted["run"]), 24 * 30 * cost(listed)
    kept = deployments * size / 1e9 * STORED
    print(
        f"a month of {deployments} deployments: {runs:.2f} $ for a run a day, {lists:.2f} $ for a list an hour, "
        f"{kept:.4f} $ for {size} bytes each"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--grow", type=int, nargs="*", default=[])
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
        print(f"requests: {requests_of(lambda: list_deployments(folder, state=URI))}")
        print(f"the command: {whole:.2f} s")
        month(folder, options.deployments)
        grow(folder, server.url, options.grow)


if __name__ == "__main__":
    main()
