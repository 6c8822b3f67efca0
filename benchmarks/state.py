"""What a locked change of a state costs on S3, side by side with Terraform's protocol and with MLEM 0.4's lock.

    python benchmarks/state.py [--quick]

On SeaweedFS, which it starts. Prints, from one run:

- requests of one locked write, counted by botocore's events: ours 3, Terraform's 4, MLEM 0.4's as many as it polls;
- seconds for a locked write with 1, 4 and 16 contenders (threads, each with its own connections): the median of five
  interleaved rounds and their range, and the updates that got lost;
- winners of 64 contenders (4 processes of 16 threads) that create one name at once, in each of 100 rounds: 1;
- seconds until 64 processes that begin at once have written once each, under one lock.

SeaweedFS guards a conditional write by a lock of its own, which looks again each second: requests that meet on one name
take whole seconds at times, whoever sends them. That spreads the rounds, and makes the 100 of the race last seven
minutes or so.

Terraform's protocol is written by hand from its documentation ("use_lockfile": a lock object made with If-None-Match,
the state read and written without a condition, the lock object deleted), with the same pauses as ours. MLEM 0.4's is
written from its behaviour: a lock file with a time and a number in its name, held when it is the first in the listing,
polled each 0.1 s.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "simulators"))

import s3_servers

from mlem.state.backoff import backoff_s
from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.manager import ABSENT
from mlem.state.state import State
from mlem_model.errors import ConflictError, StateUnknownError
from mlem_state_s3.state_manager import S3StateManager

BUCKET = "states"
Section = Callable[[], None]


class Counted:
    """A client of one contender, with its requests counted."""

    def __init__(self, url: str, path: str) -> None:
        self.manager = S3StateManager(uri=f"s3://{BUCKET}/{path}", endpoint_url=url)
        self.store: Any = self.manager.store(Path())
        self.client = self.store.inner.client
        self.path = path
        self.requests = 0
        self.client.meta.events.register("before-send.s3", self._count)

    def _count(self, **_: Any) -> None:
        self.requests += 1

    def get(self, key: str) -> int:
        """Read the number in an object."""
        try:
            return int(self.client.get_object(Bucket=BUCKET, Key=f"{self.path}/{key}")["Body"].read())
        except self.client.exceptions.NoSuchKey:
            return 0

    def put(self, key: str, number: int, **condition: str) -> bool:
        """Write a number; return whether the condition held."""
        try:
            self.client.put_object(Bucket=BUCKET, Key=f"{self.path}/{key}", Body=str(number).encode(), **condition)
        except self.client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.path}/{key}")


def ours(one: Counted) -> None:
    """Add one under the lease."""
    initial = State(type="bench", lineage="b" * 32)
    with one.manager.session(LockRequest(one.store, "app", new_lock("run"), timeout_s=600, initial=initial)) as session:
        assert session.state is not None
        number = session.state.records.get("count", {}).get("number", 0)
        session.finish(session.state.with_record("count", {"number": number + 1}))


def ours_total(one: Counted) -> int:
    """Return the number in the end."""
    found = one.store.read("app")
    return int(State.from_bytes(found.data, "bench").records["count"]["number"])


def terraform(one: Counted) -> None:
    """Add one under a lock object."""
    for attempt in itertools.count():
        if one.put("app.tflock", 1, IfNoneMatch="*"):
            break
        time.sleep(backoff_s(attempt, first_s=0.05, longest_s=1.0))
    number = one.get("app.tfstate")
    one.put("app.tfstate", number + 1)
    one.delete("app.tflock")


def mlem04(one: Counted) -> None:
    """Add one under the first of the lock files in the listing."""
    mine = f"{time.time_ns()}.{random.randint(1000, 10000)}"
    one.put(f"app.{mine}.lock", 0)
    while True:
        time.sleep(0.1)
        listed = one.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{one.path}/app.").get("Contents", [])
        locks = [item["Key"].rpartition("/app.")[2].split(".") for item in listed if item["Key"].endswith(".lock")]
        if min((int(first), int(second)) for first, second, _ in locks) == tuple(map(int, mine.split("."))):
            break
    number = one.get("app-state")
    one.put("app-state", number + 1)
    one.delete(f"app.{mine}.lock")


PROTOCOLS: dict[str, tuple[Callable[[Counted], None], Callable[[Counted], int]]] = {
    "ours": (ours, ours_total),
    "terraform": (terraform, lambda one: one.get("app.tfstate")),
    "mlem 0.4": (mlem04, lambda one: one.get("app-state")),
}


def requests_of_one_write(url: str) -> dict[str, int]:
    """Count the requests of a locked write to a state that is there."""
    found = {}
    for name, (section, _) in PROTOCOLS.items():
        one = Counted(url, os.urandom(4).hex())
        section(one)
        one.requests = 0
        section(one)
        found[name] = one.requests
    return found


def contend(url: str, protocol: str, count: int, times: int) -> tuple[float, int]:
    """Let contenders do sections; return the seconds for each section, and how many updates got lost."""
    section, total = PROTOCOLS[protocol]
    path = os.urandom(4).hex()
    clients = [Counted(url, path) for _ in range(count)]
    section(clients[0])
    barrier = threading.Barrier(count + 1)

    def work(one: Counted) -> None:
        one.get("warm")  # connections are not what is measured
        barrier.wait()
        for _ in range(times):
            section(one)

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(work, one) for one in clients]
        barrier.wait()
        begun = time.perf_counter()
        for future in futures:
            future.result()
        seconds = time.perf_counter() - begun
    return seconds / (count * times), 1 + count * times - total(clients[0])


RACER = """
import sys, threading
from benchmark_state import Counted, race
race(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


def race(url: str, path: str, threads: int, rounds: int) -> None:
    """Create the names that standard input tells, from many threads at once; print how many won."""
    clients = [Counted(url, path) for _ in range(threads)]
    barrier = threading.Barrier(threads)

    def create(one: Counted, name: str) -> int:
        barrier.wait()
        for _ in range(20):
            try:
                one.store.inner.write(name, os.urandom(8).hex().encode(), ABSENT)
            except ConflictError:
                return 0
            except StateUnknownError:
                continue
            return 1
        return 0

    print("ready", flush=True)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            name = sys.stdin.readline().strip()
            print(sum(pool.map(create, clients, [name] * threads)), flush=True)


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process that can import this file."""
    loader = (
        f"import importlib.util, sys; s = importlib.util.spec_from_file_location('benchmark_state', {__file__!r})\n"
    )
    loader += "m = importlib.util.module_from_spec(s); sys.modules['benchmark_state'] = m; s.loader.exec_module(m)\n"
    return subprocess.Popen(
        [sys.executable, "-c", loader + code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def winners(url: str, processes: int, threads: int, rounds: int) -> list[int]:
    """Return how many of all contenders won each round."""
    path = os.urandom(4).hex()
    racers = [child(RACER, url, path, str(threads), str(rounds)) for _ in range(processes)]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    found = []
    for number in range(rounds):
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"round-{number}\n")
            racer.stdin.flush()
        found.append(sum(int(racer.stdout.readline()) for racer in racers if racer.stdout is not None))
    for racer in racers:
        racer.communicate()
    return found


WRITER = """
import sys
from benchmark_state import Counted, ours
one = Counted(sys.argv[1], sys.argv[2])
one.get("warm")
print("ready", flush=True)
sys.stdin.readline()
ours(one)
"""


def many_writers(url: str, count: int) -> tuple[float, int]:
    """Let processes write once each; return the seconds until all are done, and how many updates got lost."""
    path = os.urandom(4).hex()
    writers = []
    for start in range(0, count, 8):  # starting Python is not what is measured
        batch = [child(WRITER, url, path) for _ in range(min(8, count - start))]
        for writer in batch:
            assert writer.stdout is not None
            writer.stdout.readline()
        writers += batch
    begun = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    return time.perf_counter() - begun, count - ours_total(Counted(url, path))


def described(rows: dict[str, list[tuple[float, int]]]) -> str:
    """Put the rounds of each protocol into words."""
    medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in rows.items()}
    return "; ".join(
        f"{name} {medians[name] * 1000:.0f} ms ({min(found)[0] * 1000:.0f}-{max(found)[0] * 1000:.0f}, "
        f"{medians[name] / medians['terraform']:.2f} of terraform's), lost {sum(lost for _, lost in found)}"
        for name, found in rows.items()
    )


def main() -> None:
    """Measure and print."""
    quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory(prefix="mlem-bench-") as folder, s3_servers.seaweedfs(Path(folder)) as server:
        os.environ.update(server.environment)
        s3_servers.make_bucket(server, BUCKET)
        print(
            "requests of one locked write:",
            ", ".join(f"{name} {count}" for name, count in requests_of_one_write(server.url).items()),
        )
        for count, times in [(1, 20), (4, 20), (16, 5)]:
            rows: dict[str, list[tuple[float, int]]] = {name: [] for name in PROTOCOLS}
            for _ in range(1 if quick else 5):
                for name, found in rows.items():
                    found.append(contend(server.url, name, count, times))
            print(f"{count:2d} contenders, one section: {described(rows)}", flush=True)
        counts = winners(server.url, 4, 16, 10 if quick else 100)
        print(f"winners of 64 contenders in {len(counts)} rounds: {sorted(set(counts))}", flush=True)
        seconds, lost = many_writers(server.url, 64)
        print(f"64 processes, one locked write each: {seconds:.1f} s, lost {lost}")


if __name__ == "__main__":
    main()
