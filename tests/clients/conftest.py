"""Clients that generators make of served models: once for all tests of a worker, each model in a folder of its own."""

from __future__ import annotations

import datetime
import enum
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy
import pandas
import pytest
from waiting import wait_until

from mlem.clients.probe import ready
from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.saving import save

MODEL_TYPES = (SklearnModel, ObjectModel, CallableModel)
CALLERS = Path(__file__).parent / "callers"


@dataclass
class Point:
    x: float
    y: float
    label: str = "here"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def paint(
    point: Point,
    colour: Colour,
    when: datetime.date,
    blob: bytes,
    pair: tuple[int, str],
    by_name: dict[str, list[float]],
    either: int | str,
    kind: Literal["thin", "thick", 3, None] = "thin",
    factor: float = 2.0,
) -> dict[str, Any]:
    """Everything that is neither a table nor an array."""
    return {
        "point": {"x": point.x * factor, "y": point.y, "label": point.label},
        "colour": colour,
        "when": when,
        "size": len(blob),
        "pair": pair,
        "total": {name: sum(values) for name, values in by_name.items()},
        "either": str(either),
        "kind": kind,
    }


class Orders:
    """Names that are no names in any language, and missing numbers."""

    def predict(self, frame: Any, scale: float = 1.0) -> Any:
        return (frame["a b"].fillna(0.0) + frame["a_b"]) * scale

    def predictProba(self, frame: Any) -> Any:  # the same as the next one in another spelling
        return numpy.full((len(frame), 2), 0.5)

    def predict_proba(self, frame: Any) -> Any:
        return numpy.full((len(frame), 2), 0.25)

    def echo(self, frame: Any) -> Any:
        return frame


ORDERS = pandas.DataFrame(
    {
        "a b": [1.5, None],
        "a_b": [1, 2],
        "class": ["x", None],
        "été": [True, False],
        "1st": [1, 2],
        "Request": [0.5, 1.5],
        "日本": [1, 2],
        "when": pandas.to_datetime(["2024-02-29 12:00", "2024-03-01 13:00"]),
        "kind": pandas.Categorical(["u", "v"]),
    }
)
POINT = {
    "point": Point(1.0, 2.0),
    "colour": Colour.RED,
    "when": datetime.date(2024, 2, 29),
    "blob": b"blob",
    "pair": (1, "one"),
    "by_name": {"a": [1.0, 2.0]},
    "either": "text",
}


def tell(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"number": number, "half": number / 2}


def _models() -> Mapping[str, tuple[Any, Any, list[str] | None]]:
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    iris = load_iris(as_frame=True)
    tree = DecisionTreeClassifier(random_state=0).fit(iris.data, iris.target)
    return {
        "iris": (tree, iris.data, None),
        "sums": (lambda X: X.sum(axis=1), numpy.array([[1.0, 2.0], [3.0, 4.5]]), None),
        "my orders": (Orders(), ORDERS, ["predict", "predictProba", "predict_proba", "echo"]),
        "paint": (paint, POINT, None),
        "teller": (tell, 3, None),
    }


@dataclass(frozen=True)
class Made:
    """What was made for one model.

    Attributes:
        folder: The folder of all models; that of a model has its name, without blanks.
        urls: Where each model is served.
        said: What each generator wrote to the terminal, by model and generator.
    """

    folder: Path
    urls: Mapping[str, str]
    said: Mapping[tuple[str, str], str]


@pytest.fixture(scope="session")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The models, served."""
    folder = tmp_path_factory.mktemp("models")
    processes, found = [], {}
    for name, (model, sample, methods) in _models().items():
        save(model, folder / name, sample_data=sample, methods=methods, model_types=MODEL_TYPES)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            command = [sys.executable, "-m", "mlem_server", str(folder / name), "--fd", str(listener.fileno())]
            processes.append(subprocess.Popen(command, pass_fds=[listener.fileno()], cwd=folder))
            found[name.replace(" ", "_")] = f"http://127.0.0.1:{listener.getsockname()[1]}"
    wait_until(lambda: all(ready(url, 5)[0] for url in found.values()))
    yield found
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def node_modules(lacking: Callable[[str], NoReturn]) -> Path:
    """Where npm has installed the generators for TypeScript."""
    modules = Path(os.environ.get("MLEM_TEST_NODE_MODULES", "node_modules")).absolute()
    if not (modules / ".bin" / "openapi-ts").is_file():
        lacking(f"{modules} lacks @hey-api/openapi-ts and others that .ci/run installs with npm")
    return modules


@pytest.fixture(scope="session")
def made(urls: Mapping[str, str], node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Clients of all models by all generators."""
    folder = tmp_path_factory.mktemp("made")
    binaries, tools = node_modules / ".bin", Path(sys.executable).parent
    commands = {
        "openapi-python-client": f"{tools}/openapi-python-client generate --path openapi.json --meta none "
        "--output-path {name}_package --fail-on-warning",
        "datamodel-codegen": f"{tools}/datamodel-codegen --input openapi.json --input-file-type openapi --output "
        "{name}_models.py --output-model-type pydantic_v2.BaseModel --use-annotated --formatters builtin",
        "openapi-typescript": f"{binaries}/openapi-typescript openapi.json -o model.d.ts",
        "openapi-ts": f"{binaries}/openapi-ts -i openapi.json -o client --no-log-file",
    }
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "NO_COLOR": "1"}

    def make(name: str, generator: str) -> str:
        done = subprocess.run(
            commands[generator].format(name=name).split(),
            cwd=folder / name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=environment,
        )
        return f"{done.returncode}\n{done.stdout}"

    for name, url in urls.items():
        (folder / name).mkdir()
        with urllib.request.urlopen(f"{url}/openapi.json", timeout=30) as reply:
            (folder / name / "openapi.json").write_bytes(reply.read())
    pairs = [(name, generator) for name in urls for generator in commands]
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(pairs, pool.map(lambda pair: make(*pair), pairs), strict=True))
    for caller in CALLERS.iterdir():
        shutil.copy(caller, folder)
    (folder / "node_modules").symlink_to(node_modules)
    return Made(folder, urls, said)


@pytest.fixture(scope="session")
def expected() -> Mapping[str, Any]:
    """What the models answer to the callers' data, asked themselves."""
    models = _models()
    tree, frame, _ = models["iris"]
    flowers = pandas.DataFrame([[5.1, 3.5, 1.4, 0.2], [5.1, 3.5, 6.0, 2.5]], columns=frame.columns)
    orders = ORDERS.iloc[:1].assign(**{"a b": numpy.nan, "a_b": 3, "class": None, "日本": 7, "kind": "v"})
    picture = paint(
        Point(1.5, 2.0, "there"),
        Colour.BLUE,
        datetime.date(2024, 2, 29),
        b"blob",
        (1, "one"),
        {"a": [1.0, 2.0]},
        5,
        "thick",
    )
    order = orders.iloc[0].to_dict()
    return {
        "classes": tree.predict(flowers).tolist(),
        "probabilities": tree.predict_proba(flowers).tolist(),
        "refused": "bad-data",
        "sums": models["sums"][0](numpy.array([[1.0, 2.5], [3.0, 4.0]])).tolist(),
        "orders": Orders().predict(orders, 2.0).tolist(),
        "first": Orders().predictProba(orders).tolist(),
        "second": Orders().predict_proba(orders).tolist(),
        # a missing number is the text NaN in an answer
        "echoed": [{**order, "a b": "NaN", "when": order["when"].isoformat()}],
        "picture": {**picture, "colour": "blue", "when": "2024-02-29", "pair": [1, "one"]},
        "items": list(tell(2)),
        "lines": list(tell(2)),
    }
