"""What a client that asks 20 times a second notices of a replacement, and of one that fails.

    python benchmarks/docker_replace.py

The client keeps no connection. With a free port it looks the address up again when it gets no answer. Printed: the
requests, the wrong answers (there must be none), and the gap: the longest time between two right answers, less the
client's period.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from _docker import engine_or_exit, mlem, project, sample, state

PERIOD_S = 0.05


@dataclass
class Seen:
    """What a client got: when and what, None for no answer."""

    answers: list[tuple[float, Any]] = field(default_factory=list)

    def gap_s(self) -> float:
        """Return the longest time between two answers, less the period."""
        times = [at for at, answer in self.answers if answer is not None]
        return max(0.0, max(b - a for a, b in itertools.pairwise(times)) - PERIOD_S)


def ask(url: str, body: bytes) -> Any:
    """Return the answer; None without one."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("POST", "/predict_proba", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        return json.loads(text) if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def during(folder: Path, arguments: list[str], code: int) -> Seen:
    """Ask while a command of mlem runs."""
    seen, stop = Seen(), threading.Event()
    body, _ = sample(folder, "iris")

    def client() -> None:
        url = address(folder)
        while not stop.is_set():
            began = time.perf_counter()
            answer = ask(url, body)
            if answer is None:
                url = address(folder)
                answer = ask(url, body)
            seen.answers.append((time.perf_counter(), answer))
            stop.wait(max(0.0, PERIOD_S - (time.perf_counter() - began)))

    asking = threading.Thread(target=client)
    asking.start()
    try:
        time.sleep(1)
        mlem(folder, *arguments, code=code)
        time.sleep(1)
    finally:
        stop.set()
        asking.join()
    return seen


def address(folder: Path) -> str:
    """Return the address of the release that passed the gate."""
    return str(state(folder)["releases"][0]["records"]["container"]["url"])


def falsify(folder: Path) -> None:
    """Make of iris-v3 a model whose sample answer is not the recorded one."""
    path = folder / "iris-v3.mlem"
    _, right = sample(folder, "iris-v3")
    text = path.read_text()
    first = str(right[0][0])
    if first not in text:
        sys.exit(f"{first} is not in {path}")
    path.write_text(text.replace(first, "0.123456789"))


def main() -> int:
    """Measure and print."""
    engine_or_exit()
    wrong_in_all = 0
    print(f"{'port':6} {'deed':22} {'requests':>8} {'unanswered':>10} {'wrong':>5} {'gap s':>7}   plan said")
    for fixed in (True, False):
        with project() as folder:
            falsify(folder)
            port = ["--port", "18473"] if fixed else []
            mlem(folder, "deployment", "run", "docker", "bench", "--model", "iris", *port)
            right = [sample(folder, model)[1] for model in ("iris", "iris-v2")]
            body = sample(folder, "iris")[0]
            for deed, model, code in (
                ("replace", "iris-v2", 0),
                ("failing replace", "iris-v3", 8),
                ("rollback", "", 0),
            ):
                plan, arguments = "", ["deployment", "rollback", "bench"]
                if model:
                    planned = json.loads(
                        mlem(folder, "deployment", "plan", "bench", "--model", model, "--output", "json")
                    )
                    plan = planned["changes"][1]["downtime"].partition(":")[0] or "no downtime"
                    arguments = ["deployment", "run", "--load", "bench", "--model", model]
                seen = during(folder, arguments, code)
                allowed = [*right, ask(address(folder), body)]
                wrong = sum(answer is not None and answer not in allowed for _, answer in seen.answers)
                unanswered = sum(answer is None for _, answer in seen.answers)
                wrong_in_all += wrong
                kind = "fixed" if fixed else "free"
                print(
                    f"{kind:6} {deed:22} {len(seen.answers):8} {unanswered:10} {wrong:5} {seen.gap_s():7.2f}   {plan}"
                )
    return int(wrong_in_all > 0)


if __name__ == "__main__":
    sys.exit(main())
