"""Servers to compare this project's with, each in an environment of its own, and the same models for all of them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from _serving import Command

FOLDER = Path(os.environ.get("MLEM_BENCH_FOLDER", Path.home() / ".cache" / "mlem-bench"))
ROWS = [[5.1, 3.5, 1.4, 0.2]]
COLUMNS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
MODELS = ("regression", "forest", "frame")
"""``frame`` is the regression, saved with a frame of pandas, as the README saves its model."""

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
frame = load_iris(as_frame=True).data
models = {"regression": LogisticRegression(max_iter=1000), "forest": RandomForestClassifier(100, random_state=0),
          "frame": LogisticRegression(max_iter=1000)}
for name, model in models.items():
    model.fit(frame if name == "frame" else X, y)
"""
SAVE = {
    "joblib": "    import joblib; joblib.dump(model, name + '.joblib')\n",
    "mlem": "    import mlem.api; mlem.api.save(model, name, sample_data=frame if name == 'frame' else X)\n",
    "bentoml": "    import bentoml; bentoml.sklearn.save_model(name, model)\n",
    "mlflow": "    import mlflow.sklearn, shutil; shutil.rmtree(name, ignore_errors=True)\n"
    "    mlflow.sklearn.save_model(model, name, serialization_format='cloudpickle')\n",
}
BARE = """
import os, joblib, numpy, orjson
name = os.environ["MODEL"]
model = joblib.load(name + ".joblib")
if name == "frame":
    from pandas import DataFrame as rows
else:
    rows = numpy.array
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = orjson.dumps(model.predict(rows(orjson.loads(body)["X"])), option=orjson.OPT_SERIALIZE_NUMPY)
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


SKLEARN = ("scikit-learn==1.7.2", "numpy<2.4", "joblib", "pandas<3")
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
        (*SKLEARN, *(str(ROOT / "packages" / name) for name in ("model", "core", "server"))),
        ("{bin}/mlem-server", "{model}", "--host", "127.0.0.1", "--port", "{port}"),
        "mlem",
    ),
    "bare": Peer(
        (*SKLEARN, "uvicorn", "httptools", "uvloop", "orjson"), (*UVICORN, "bare:app"), files={"bare.py": BARE}
    ),
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


def servers(name: str, model: str, *words: str, pinned: bool = True) -> Command | None:
    """Prepare a server of one model.

    Args:
        name: One of `PEERS`.
        model: One of `MODELS`.
        *words: Further options of its command.
        pinned: Whether it has one processor.
    """
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
    command = [word.replace("{bin}", str(programs)).replace("{model}", model) for word in peer.command]
    body = {"X": RECORDS} if model == "frame" else peer.body
    path = peer.path.replace("{model}", model)
    found = Command([*command, *words], path, json.dumps(body).encode(), work, variables, pinned=pinned)
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
