"""Our client beside the strongest plain caller that gets the same answer, over ways x kinds x rows x columns.

    python benchmarks/client.py [--rounds 9] [--ways direct,async,proxy,tls] [--kinds float,mixed,array] [--profile]

The plain caller is on a kept connection, with the cheapest of the bodies that the server takes for the shape: records
as `json.dumps` writes them, ``npy`` for numbers of one dtype, a stream of Arrow for others; its answer is parsed by
`json.loads` or `numpy`. It goes the same way: directly, on an event loop, by a forward proxy, by TLS. Every call is
made in turn, and each time is the least of the rounds: what is compared is work, not what else the machine does. The
answers are compared equal. To reach: at most 1.2 x the plain caller at any shape. ``--profile`` prints where the
client's own time goes instead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import inspect
import itertools
import os
import pstats
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
from _plain import Plain, PlainAsync
from _serving import Served, free_port

from mlem import api
from mlem.clients.http import HttpClient
from mlem_model.data.formats.binary import ARROW, NPY, formats_of

NAMES = {NPY: "npy", ARROW: "arrow"}
SHAPES = (
    (1, 4), (60, 4), (1_000, 4), (100_000, 4), (1, 100), (60, 100), (10_000, 100), (1, 1_000), (60, 1_000), (1, 5_000),
    (60, 5_000),
)  # fmt: skip
LEAST_S = 0.3
"""Short calls are repeated within a round for this long, so that one of them is not disturbed."""


class Summed:
    """A model of one addition: nearly all of a call is the way."""

    def predict(self, X: Any) -> numpy.ndarray[Any, Any]:
        """Return a number for each row."""
        if isinstance(X, polars.DataFrame):
            return X.select(polars.col(polars.Float64)).to_numpy()[:, 0] + 1
        first = X[:, 0] if isinstance(X, numpy.ndarray) else X.iloc[:, 0].to_numpy() if X.ndim == 2 else X.to_numpy()
        return first + 1.0


def made(kind: str, rows: int, width: int) -> Any:
    """Return a table of a kind."""
    block = numpy.random.default_rng(0).normal(size=(rows, width))
    names = [f"feature {number}" for number in range(width)]
    if kind == "array":
        return block
    if kind == "series":
        return pandas.Series(block[:, 0], name="x")
    frame = pandas.DataFrame(block, columns=names)
    if kind == "columns":  # as it is after each column was computed for itself
        return pandas.DataFrame({name: block[:, at].copy() for at, name in enumerate(names)})
    if kind == "mixed":
        for at, name in enumerate(names):
            if at % 4 == 1:
                frame[name] = numpy.arange(rows)
            elif at % 4 == 2:
                frame[name] = [f"text {row % 7}" for row in range(rows)]
            elif at % 4 == 3:
                frame[name] = pandas.Categorical([f"c{row % 3}" for row in range(rows)], categories=["c0", "c1", "c2"])
        return frame.copy()
    return polars.DataFrame(dict(zip(names, block.T, strict=True))) if kind == "polars" else frame


async def least_s(action: Callable[[], Any], count: int) -> float:
    """Return the least time that an action takes; one that returns something to await is awaited."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        answer = action()
        if inspect.isawaitable(answer):
            await answer
        found.append(time.perf_counter() - started)
    return min(found)


async def compared(actions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least time of each action, all in turn."""
    counts = {
        name: max(1, min(200, int(LEAST_S / rounds / await least_s(action, 2)))) for name, action in actions.items()
    }
    times = {name: [] for name in actions}  # type: dict[str, list[float]]
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(await least_s(action, counts[name]))
    return {name: min(found) for name, found in times.items()}


def profiled(client: HttpClient, value: Any) -> None:
    """Print where the time of a client's call goes."""
    profile = cProfile.Profile()
    client.predict(value)
    profile.enable()
    for _ in range(20):
        client.predict(value)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(22)


@dataclass(frozen=True)
class Way:
    """A way from a caller to the server.

    Attributes:
        client: Our client on it.
        plain: The plain caller on it.
        ours: Calls the model with a value by our client.
    """

    client: HttpClient
    plain: Plain | PlainAsync
    ours: Callable[[Any], Any]


@contextlib.contextmanager
def opened(way: str, model: Path, folder: Path) -> Iterator[Way]:
    """Serve a model, and open a way to it: direct, async, by a proxy, or by TLS."""
    options = ["--max-body-mib", "256"]
    context = certificate = None
    if way == "tls":
        certificate, key = signed(folder)
        options += ["--tls-cert", str(certificate), "--tls-key", str(key)]
        context = ssl.create_default_context(cafile=str(certificate))
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(Served(model, *options, certificate=certificate)).url
        proxy = None
        if way == "proxy":  # addresses of this machine are asked without one
            proxy = stack.enter_context(forward_proxy())
            url = url.replace("127.0.0.1", "model.test")
            os.environ["http_proxy"] = f"http://{proxy}"
            stack.callback(os.environ.pop, "http_proxy")
        client = stack.enter_context(HttpClient(url=url, ca_file=certificate))
        if way == "async":
            yield Way(client, PlainAsync(url), lambda value: client.call_async("predict", value))
        else:
            yield Way(client, Plain(url, proxy, context), client.predict)


@contextlib.contextmanager
def forward_proxy() -> Iterator[str]:
    """Run a forward proxy as a process, and return its host and port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("_forward_proxy.py")), str(port)])
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def signed(folder: Path) -> tuple[Path, Path]:
    """Return a new certificate for this machine, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


async def measured(
    way: str, kind: str, widths: list[tuple[int, int]], folder: Path, rounds: int, *, profile: bool
) -> AsyncIterator[str]:
    """Yield a row of the table for each number of rows of one width."""
    width = widths[0][1]
    model = Summed()
    saved = f"{way}-{kind}-{width}"
    api.save(model, saved, sample_data=made(kind, 5, width), project=str(folder))
    with opened(way, folder / saved, folder) as found:
        described = found.client.interface.methods["predict"]
        forms = ["json", *(NAMES[form] for form in formats_of(described.args[0].data_type))]
        for rows, _ in widths:
            value = made(kind, rows, width)
            if profile:
                print(f"--- {kind} {rows} x {width}")
                profiled(found.client, value)
                continue
            actions: dict[str, Callable[[], Any]] = {"ours": partial(found.ours, value)}
            for form in forms:
                if form != "json" or rows * width <= 500_000:
                    actions[form] = partial(found.plain.call, form, value)
            for form, action in actions.items():
                answer = action()
                answer = await answer if inspect.isawaitable(answer) else answer
                if not numpy.array_equal(answer, model.predict(value)):
                    raise AssertionError(f"{kind} {rows} x {width}: {form} gives another answer")
            times = await compared(actions, rounds)
            ours = times.pop("ours")
            best = min(times, key=lambda form: times[form])
            others = "  ".join(f"{form} {seconds * 1e3:.2f}" for form, seconds in times.items())
            shape = f"{way:6} {kind:8} {rows:>7} x {width:<5}"
            yield f"{shape} ours {ours * 1e3:8.2f} ms   {ours / times[best]:5.2f} x {best:5}   ({others})"
        if isinstance(found.plain, PlainAsync):
            await found.plain.close()


async def main() -> None:
    """Measure all shapes of all kinds on all ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--ways", default="direct,async,proxy,tls")
    parser.add_argument("--kinds", default="float,columns,mixed,array,series,polars")
    parser.add_argument("--shapes", default=",".join(f"{rows}x{width}" for rows, width in SHAPES))
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    shapes = [(int(shape.split("x")[0]), int(shape.split("x")[1])) for shape in options.shapes.split(",")]
    widths = sorted({width for _, width in shapes})
    with tempfile.TemporaryDirectory() as name:
        for way, kind, width in itertools.product(options.ways.split(","), options.kinds.split(","), widths):
            if kind == "series" and width != widths[0]:
                continue
            chosen = [shape for shape in shapes if shape[1] == width]
            async for line in measured(way, kind, chosen, Path(name), options.rounds, profile=options.profile):
                print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
