"""Our client beside the strongest plain caller that gets the same answer, over rows x columns x kinds.

    python benchmarks/client.py [--rounds 9] [--kinds float,mixed,array] [--profile]

The plain caller is ``http.client`` on a kept connection, with the cheapest of the bodies that the server takes for the
shape: records as `json.dumps` writes them, ``npy`` for numbers of one dtype, a stream of Arrow for others; its answer
is parsed by `json.loads` or `numpy`. Every call is made in turn, and each time is the least of the rounds: what is
compared is work, not what else the machine does. The answers are compared equal. To reach: at most 1.2 x the plain
caller at any shape. ``--profile`` prints where the client's own time goes instead.
"""

from __future__ import annotations

import argparse
import cProfile
import http.client
import io
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy
import pandas
import polars
import pyarrow
from _serving import Served

from mlem import api
from mlem.clients.http import HttpClient
from mlem_model.data.formats.binary import ARROW, JSON, NPY, formats_of

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


class Plain:
    """A caller without a client.

    Args:
        url: The server's address.
    """

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def ask(self, body: bytes, media_type: str, accept: str) -> tuple[bytes, str]:
        """Post a body, and return the answer with its media type."""
        headers = {"content-type": media_type, "accept": accept}
        self._connection.request("POST", "/predict", body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content[:500])
        return content, answer.headers["content-type"]

    def by_json(self, value: Any) -> Any:
        """Call with records."""
        rows = value.tolist() if not hasattr(value, "columns") else None
        if rows is None:
            rows = value.to_dict("records") if isinstance(value, pandas.DataFrame) else value.to_dicts()
        return self._read(*self.ask(json.dumps({"X": rows}).encode(), JSON, f"{NPY}, {JSON}"))

    def by_npy(self, value: Any) -> Any:
        """Call with the bytes of an array."""
        written = io.BytesIO()
        numpy.save(written, numpy.asarray(value))
        return self._read(*self.ask(written.getvalue(), NPY, f"{NPY}, {JSON}"))

    def by_arrow(self, value: Any) -> Any:
        """Call with a stream of Arrow."""
        if isinstance(value, numpy.ndarray):
            table = pyarrow.table({str(column): value[:, column] for column in range(value.shape[1])})
        elif isinstance(value, polars.DataFrame):
            table = value.to_arrow(compat_level=polars.CompatLevel.oldest())
        elif isinstance(value, pandas.Series):
            table = pyarrow.table({str(value.name): pyarrow.Array.from_pandas(value)})
        else:
            table = pyarrow.Table.from_pandas(value, preserve_index=False)
        written = io.BytesIO()
        with pyarrow.ipc.new_stream(written, table.schema) as writer:
            writer.write_table(table)
        return self._read(*self.ask(written.getvalue(), ARROW, f"{NPY}, {JSON}"))

    @staticmethod
    def _read(content: bytes, media_type: str) -> Any:
        if media_type == NPY:
            return numpy.load(io.BytesIO(content), allow_pickle=False)
        return numpy.array(json.loads(content))

    def calls(self, formats: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
        """Return the calls in JSON and in each of some formats."""
        known = {NPY: self.by_npy, ARROW: self.by_arrow}
        return {"json": self.by_json, **{known[form].__name__[3:]: known[form] for form in formats}}


def least_s(action: Callable[[], Any], count: int) -> float:
    """Return the least time that an action takes."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return min(found)


def compared(actions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least time of each action, all in turn."""
    counts = {name: max(1, min(200, int(LEAST_S / rounds / least_s(action, 2)))) for name, action in actions.items()}
    times = {name: [] for name in actions}  # type: dict[str, list[float]]
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(least_s(action, counts[name]))
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


def measured(kind: str, widths: list[tuple[int, int]], folder: Path, rounds: int, *, profile: bool) -> Iterator[str]:
    """Yield a row of the table for each number of rows of one width."""
    width = widths[0][1]
    model = Summed()
    api.save(model, f"{kind}-{width}", sample_data=made(kind, 5, width), project=str(folder))
    with Served(folder / f"{kind}-{width}", "--max-body-mib", "256") as served, HttpClient(url=served.url) as client:
        plain, described = Plain(served.url), client.interface.methods["predict"]
        for rows, _ in widths:
            value = made(kind, rows, width)
            right = model.predict(value)
            if profile:
                print(f"--- {kind} {rows} x {width}")
                profiled(client, value)
                continue
            actions: dict[str, Callable[[], Any]] = {"ours": lambda value=value: client.predict(value)}  # type: ignore[misc]  # the default binds it
            for form, call in plain.calls(formats_of(described.args[0].data_type)).items():
                if form != "json" or rows * width <= 500_000:
                    actions[form] = lambda call=call, value=value: call(value)  # type: ignore[misc]  # likewise
            for form, action in actions.items():
                if not numpy.array_equal(action(), right):
                    raise AssertionError(f"{kind} {rows} x {width}: {form} gives another answer")
            found = compared(actions, rounds)
            ours = found.pop("ours")
            best = min(found, key=lambda form: found[form])
            others = "  ".join(f"{form} {seconds * 1e3:.2f}" for form, seconds in found.items())
            ratio = ours / found[best]
            yield f"{kind:8} {rows:>7} x {width:<5} ours {ours * 1e3:8.2f} ms   {ratio:5.2f} x {best:5}   ({others})"


def main() -> None:
    """Measure all shapes of all kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kinds", default="float,columns,mixed,array,series,polars")
    parser.add_argument("--shapes", default=",".join(f"{rows}x{width}" for rows, width in SHAPES))
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    shapes = [(int(shape.split("x")[0]), int(shape.split("x")[1])) for shape in options.shapes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        for kind in options.kinds.split(","):
            for width in sorted({width for _, width in shapes}):
                if kind == "series" and width != min(width for _, width in shapes):
                    continue
                chosen = [shape for shape in shapes if shape[1] == width]
                for line in measured(kind, chosen, Path(name), options.rounds, profile=options.profile):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
