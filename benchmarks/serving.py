"""Requests per second, start and memory of this server beside a bare application and other servers, interleaved.

    python benchmarks/serving.py [--rounds 3] [--seconds 3] [--peers fastapi,litserve,bentoml,mlflow,mlserver,mlem04]
    [--write]

Iris: a logistic regression, a forest of 100 trees, and the regression with a frame of pandas; one row a request, one
processor for the server and one for ``wrk`` (1 and 32 connections); then without that limit, and with two workers. The
floor is an ASGI application of twenty lines on uvicorn with uvloop, httptools and orjson.
Every other server has an environment of its own, which this script makes with uv under ``~/.cache/mlem-bench``
(``MLEM_BENCH_FOLDER``); one that can't be made is left out and said so. All answers are compared.

To reach: 1.0 x the bare application with 1 connection, 2 x with 32 (8 x with frames) and 5 x every peer; start to ready
at most as long, and memory at most 1.3 x the bare application's; two workers 1.7 x one, with 1.3 x its memory.
``--write`` writes the tables and the plot of the documentation.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path

from _peers import FOLDER, MODELS, PEERS, servers

DOCS = Path(__file__).parents[1] / "docs"
OURS = "ours"
Figures = dict[str, dict[str, list[float]]]


def measure(names: list[str], model: str, rounds: int, seconds: int, *, pinned: bool = True) -> Figures:
    """Measure all servers of a model in turn, so many times over."""
    figures: Figures = {}
    for _ in range(rounds):
        for name in list(names):
            try:
                prepared = servers(name, model, pinned=pinned)
                if prepared is None:
                    names.remove(name)
                    continue
                with prepared as server:
                    answer = json.loads(server.ask() or b"null")
                    assert (PEERS[name].read(answer)) == [0], (name, answer)
                    found = figures.setdefault(name, {})
                    server.requests_per_s(32, 1)
                    found.setdefault("1", []).append(server.requests_per_s(1, seconds))
                    found.setdefault("32", []).append(server.requests_per_s(32, seconds))
                    found.setdefault("ready_s", []).append(server.ready_s)
                    found.setdefault("memory_mib", []).append(server.memory_bytes / 2**20)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                print(f"{name}: left out: {str(error)[-400:]}")
                names.remove(name)
    return figures


def several(model: str, rounds: int, seconds: int) -> Figures:
    """Measure one worker and two, on all processors, with calls that are not joined: each needs its own time."""
    figures: Figures = {}
    for _ in range(rounds):
        for name, words in (("1 worker", ()), ("2 workers", ("--workers", "2"))):
            prepared = servers(OURS, model, "--max-batch-rows", "1", *words, pinned=False)
            if prepared is None:
                raise SystemExit("this project's own environment can't be made")
            with prepared as server:
                server.requests_per_s(32, 1)  # both workers are there by then
                found = figures.setdefault(name, {})
                for connections in (1, 32):
                    found.setdefault(str(connections), []).append(server.requests_per_s(connections, seconds))
                found.setdefault("ready_s", []).append(server.ready_s)
                found.setdefault("memory_mib", []).append(server.memory_bytes / 2**20)
    return figures


def table(model: str, figures: Figures, base: str = "bare") -> str:
    """Lay the medians out as a table of Markdown, with the ratios to one of the servers."""
    lines = [
        f"| {model} | 1 connection, requests/s | x {base} | 32 connections, requests/s | x {base} "
        f"| ready, s | x {base} | memory, MiB | x {base} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    medians = {
        name: {key: statistics.median(values) for key, values in found.items()} for name, found in figures.items()
    }
    bare = medians[base]
    for name, found in sorted(medians.items(), key=lambda item: -item[1]["32"]):
        cells = [
            f"{found[key]:.{digits}f} | {found[key] / bare[key]:.2f}"
            for key, digits in (("1", 0), ("32", 0), ("ready_s", 2), ("memory_mib", 0))
        ]
        lines.append(f"| {'this server' if name == 'ours' else name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(figures: dict[str, Figures]) -> str:
    """Draw the requests per second with 32 connections as bars, in SVG."""
    rows = [
        (model, name, statistics.median(found["32"]))
        for model, one in figures.items()
        for name, found in sorted(one.items(), key=lambda item: -statistics.median(item[1]["32"]))
    ]
    parts, y, model_before = [], 20, ""
    for model, name, value in rows:
        if model != model_before:
            parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">{model}, 32 connections, requests/s</text>')
            y, model_before = y + 26, model
        most = max(other for kind, _, other in rows if kind == model)
        fill = "#0b5fba" if name == OURS else "#9aa5b1"
        parts.append(f'<text x="110" y="{y + 13}" text-anchor="end">{"this server" if name == OURS else name}</text>')
        parts.append(f'<rect x="120" y="{y}" width="{value / most * 420:.1f}" height="16" fill="{fill}"/>')
        parts.append(f'<text x="{126 + value / most * 420:.1f}" y="{y + 13}">{value:,.0f}</text>')
        y += 24
    body = "\n".join(parts)
    style = 'font-family="system-ui, sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{y + 10}" {style}>'
    return f'{head}\n<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'


def main() -> None:
    """Measure, print, and write where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(name for name in PEERS if name not in ("bare", OURS)))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = {}
    for model in MODELS:
        peers = [name for name in options.peers.split(",") if name and model != "frame"]  # these take rows as lists
        names = ["bare", OURS, *peers]
        figures[model] = measure(names, model, options.rounds, options.seconds)
        print(table(model, figures[model]), flush=True)
    free = {model: measure(["bare", OURS], model, options.rounds, options.seconds, pinned=False) for model in MODELS}
    for model, found in free.items():
        print(table(f"{model}, not pinned", found), flush=True)
    workers = table("forest, calls not joined", several("forest", options.rounds, options.seconds), "1 worker")
    print(workers, flush=True)
    if options.write:
        (DOCS / "images" / "serving.svg").write_text(plot(figures))
        head = (
            "# Figures of serving\n\nWritten by `python benchmarks/serving.py --write`: medians of one interleaved run."
        )
        (DOCS / "explanation" / "serving-figures.md").write_text(
            "\n\n".join(
                [
                    head,
                    *(table(model, one) for model, one in figures.items()),
                    *(table(f"{model}, not pinned", one) for model, one in free.items()),
                    workers,
                ]
            )
            + "\n"
        )


if __name__ == "__main__":
    main()
