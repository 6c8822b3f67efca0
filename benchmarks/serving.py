"""Requests per second, start and memory of this server beside a bare application and other servers, interleaved.

    python benchmarks/serving.py [--rounds 3] [--seconds 3] [--peers fastapi,litserve,bentoml,mlflow,mlserver,mlem04]
    [--write]

Iris: a logistic regression and a forest of 100 trees, one row a request, one processor for the server and one for
``wrk`` (1 and 32 connections). The floor is an ASGI application of twenty lines on uvicorn with uvloop and httptools.
Every other server has an environment of its own, which this script makes with uv under ``~/.cache/mlem-bench``
(``MLEM_BENCH_FOLDER``); one that can't be made is left out and said so. All answers are compared. To reach: 0.85 x the
bare application with 1 connection, 2 x with 32 and 5 x every peer; start to ready and memory at most 1.3 x the bare
application's. ``--write`` writes the table and the plot of the documentation.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from _serving import Command

FOLDER = Path(os.environ.get("MLEM_BENCH_FOLDER", Path.home() / ".cache" / "mlem-bench"))
DOCS = Path(__file__).parents[1] / "docs"
ROWS = [[5.1, 3.5, 1.4, 0.2]]
MODELS = ("regression", "forest")

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
models = {"regression": LogisticRegression(max_iter=1000), "forest": RandomForestClassifier(100, random_state=0)}
for name, model in models.items():
    model.fit(X, y)
"""
SAVE = {
    "joblib": "    import joblib; joblib.dump(model, name + '.joblib')\n",
    "mlem": "    import mlem.api; mlem.api.save(model, name, sample_data=X)\n",
    "bentoml": "    import bentoml; bentoml.sklearn.save_model(name, model)\n",
    "mlflow": "    import mlflow.sklearn, shutil; shutil.rmtree(name, ignore_errors=True)\n"
    "    mlflow.sklearn.save_model(model, name, serialization_format='cloudpickle')\n",
}
BARE = """
import json, os, joblib, numpy
model = joblib.load(os.environ["MODEL"] + ".joblib")
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = json.dumps(model.predict(numpy.array(json.loads(body)["X"])).tolist()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
"""
FASTAPI = """
import os, joblib, numpy
from fastapi import FastAPI
from pydantic import BaseModel
model = joblib.load(os.environ["MODEL"] + ".joblib")
class Body(BaseModel):
    X: list[list[float]]
app = FastAPI()
@app.post("/predict")
def predict(body: Body) -> list[int]:
    return model.predict(numpy.array(body.X)).tolist()
"""
LITSERVE = """
import os, sys, joblib, numpy, litserve
class Api(litserve.LitAPI):
    def setup(self, device): self.model = joblib.load(os.environ["MODEL"] + ".joblib")
    def decode_request(self, request): return request["X"]
    def batch(self, inputs): return numpy.concatenate([numpy.array(item) for item in inputs])
    def unbatch(self, output): return [[value] for value in output.tolist()]
    def predict(self, x): return self.model.predict(numpy.asarray(x))
    def encode_response(self, output): return output if isinstance(output, list) else output.tolist()
if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=32, batch_timeout=0.001), accelerator="cpu")
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
"""
BENTOML = """
import os, bentoml, numpy
@bentoml.service(workers=1, traffic={"timeout": 60})
class Iris:
    def __init__(self) -> None:
        self.model = bentoml.sklearn.load_model(os.environ["MODEL"] + ":latest")
    @bentoml.api
    def predict(self, X: list[list[float]]) -> list[int]:
        return self.model.predict(numpy.array(X)).tolist()
"""
SETTINGS = {"http_port": 0, "grpc_port": 0, "metrics_port": 0, "parallel_workers": 0, "host": "127.0.0.1"}


@dataclass(frozen=True)
class Peer:
    """A server to measure.

    Attributes:
        packages: What its environment has.
        command: The command; ``{bin}``, ``{port}`` and ``{model}`` are filled in.
        save: How its models are saved.
        path: What to post to; ``{model}`` is filled in.
        files: Files to write.
        body: The request's JSON.
        read: Takes the classes out of an answer.
    """

    packages: tuple[str, ...]
    command: tuple[str, ...]
    save: str = "joblib"
    path: str = "/predict"
    files: dict[str, str] = field(default_factory=dict)
    body: object = field(default_factory=lambda: {"X": ROWS})
    read: Callable[[object], object] = lambda answer: answer


SKLEARN = ("scikit-learn==1.7.2", "numpy<2.4", "joblib")
UVICORN = (
    "{bin}/uvicorn",
    "--port",
    "{port}",
    "--http",
    "httptools",
    "--loop",
    "uvloop",
    "--no-access-log",
    "--log-level",
    "error",
)
TENSOR = {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": ROWS[0]}]}
ROOT = Path(__file__).parents[1]
PEERS = {
    "ours": Peer(
        (*SKLEARN, str(ROOT / "packages" / "model"), str(ROOT / "packages" / "server")),
        ("{bin}/mlem-server", "{model}", "--host", "127.0.0.1", "--port", "{port}"),
        "mlem",
    ),
    "bare": Peer((*SKLEARN, "uvicorn", "httptools", "uvloop"), (*UVICORN, "bare:app"), files={"bare.py": BARE}),
    "fastapi": Peer(
        (*SKLEARN, "fastapi", "uvicorn", "httptools", "uvloop"), (*UVICORN, "fast:app"), files={"fast.py": FASTAPI}
    ),
    "litserve": Peer((*SKLEARN, "litserve==0.2.19"), ("{bin}/python", "lit.py", "{port}"), files={"lit.py": LITSERVE}),
    "bentoml": Peer(
        (*SKLEARN, "bentoml==1.4.*"),
        ("{bin}/bentoml", "serve", "bento:Iris", "--port", "{port}"),
        "bentoml",
        files={"bento.py": BENTOML},
    ),
    "mlflow": Peer(
        (*SKLEARN, "mlflow==3.17.*"),
        (
            "{bin}/mlflow",
            "models",
            "serve",
            "-m",
            "{model}",
            "-p",
            "{port}",
            "--env-manager",
            "local",
            "--workers",
            "1",
        ),
        "mlflow",
        "/invocations",
        body={"inputs": ROWS},
        read=lambda answer: answer["predictions"],  # type: ignore[index]  # its JSON
    ),
    "mlserver": Peer(
        (*SKLEARN, "mlserver==1.7.*", "mlserver-sklearn==1.7.*"),
        ("{bin}/mlserver", "start", "mlserver-{model}"),
        path="/v2/models/{model}/infer",
        body=TENSOR,
        read=lambda answer: answer["outputs"][0]["data"],  # type: ignore[index]  # its JSON
    ),
    "mlem04": Peer(
        (
            "mlem==0.4.14",
            "fastapi<0.100",
            "pydantic<2",
            "uvicorn",
            "scikit-learn<1.4",
            "numpy<2",
            "pandas<2.1",
            "setuptools<70",
            "isort<6",
            "typer<0.10",
            "click<8.2",
        ),
        ("{bin}/mlem", "serve", "fastapi", "--model", "{model}", "--host", "127.0.0.1", "--port", "{port}"),
        "mlem",
        body={"data": ROWS},
    ),
}


@functools.cache
def environment(name: str) -> Path | None:
    """Make the environment of a peer unless it is there; return its programs' folder, None where it can't be made."""
    folder = FOLDER / name
    if name == "ours" or not (folder / "complete").exists():  # ours as it is now
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", "3.11", str(folder)], check=True)
        command = [
            "uv",
            "pip",
            "install",
            "-q",
            "--compile-bytecode",
            "-p",
            str(folder / "bin" / "python"),
            *PEERS[name].packages,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: left out, its environment can't be made: {done.stderr.strip().splitlines()[-1:]}")
            return None
        (folder / "complete").touch()
    return folder / "bin"


def servers(name: str, model: str) -> Command | None:
    """Prepare a server of one model."""
    programs, peer = environment(name), PEERS[name]
    if programs is None:
        return None
    work = FOLDER / f"work-{name}"
    work.mkdir(parents=True, exist_ok=True)
    variables = {
        "MODEL": model,
        "BENTOML_HOME": str(work / "bentoml"),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DO_NOT_TRACK": "1",
    }
    if not (work / f"{model}.saved").exists():
        subprocess.run(
            [str(programs / "python"), "-c", TRAIN + SAVE[peer.save]],
            cwd=work,
            check=True,
            env={**os.environ, **variables},
            capture_output=True,
        )
        (work / f"{model}.saved").touch()
    for file, text in peer.files.items():
        (work / file).write_text(text)
    words = [word.replace("{bin}", str(programs)).replace("{model}", model) for word in peer.command]
    found = Command(words, peer.path.replace("{model}", model), json.dumps(peer.body).encode(), work, variables)
    if name == "mlserver":
        folder = work / f"mlserver-{model}"
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(
            json.dumps(
                {**SETTINGS, "http_port": found.port, "grpc_port": found.port + 1, "metrics_port": found.port + 2}
            )
        )
        parameters = {"uri": str(work / f"{model}.joblib"), "version": "1"}
        settings = {"name": model, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
        (folder / "model-settings.json").write_text(
            json.dumps({**settings, "max_batch_size": 32, "max_batch_time": 0.001})
        )
    return found


Figures = dict[str, dict[str, list[float]]]


def measure(names: list[str], model: str, rounds: int, seconds: int) -> Figures:
    """Measure all servers of a model in turn, so many times over."""
    figures: Figures = {}
    for _ in range(rounds):
        for name in list(names):
            try:
                prepared = servers(name, model)
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


def table(model: str, figures: Figures) -> str:
    """Lay the medians out as a table of Markdown, with the ratios to the bare application."""
    lines = [
        f"| {model} | 1 connection, requests/s | x bare | 32 connections, requests/s | x bare "
        "| ready, s | x bare | memory, MiB | x bare |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    medians = {
        name: {key: statistics.median(values) for key, values in found.items()} for name, found in figures.items()
    }
    bare = medians["bare"]
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
        fill = "#0b5fba" if name == "ours" else "#9aa5b1"
        parts.append(f'<text x="110" y="{y + 13}" text-anchor="end">{"this server" if name == "ours" else name}</text>')
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
    parser.add_argument("--peers", default=",".join(name for name in PEERS if name not in ("bare", "ours")))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = {}
    for model in MODELS:
        names = ["bare", "ours", *(name for name in options.peers.split(",") if name)]
        figures[model] = measure(names, model, options.rounds, options.seconds)
        print(table(model, figures[model]), flush=True)
    if options.write:
        (DOCS / "images" / "serving.svg").write_text(plot(figures))
        head = (
            "# Figures of serving\n\nWritten by `python benchmarks/serving.py --write`: medians of one interleaved run."
        )
        (DOCS / "explanation" / "serving-figures.md").write_text(
            "\n\n".join([head, *(table(model, one) for model, one in figures.items())]) + "\n"
        )


if __name__ == "__main__":
    main()
