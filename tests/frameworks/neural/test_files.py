"""Files of neural networks that somebody has changed to run something: refused before anything of them runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import torch

from mlem import api
from mlem_model.errors import UserError
from mlem_model.frameworks.neural.graph import OnnxGraph
from mlem_model.frameworks.neural.keras import KerasModel
from mlem_model.frameworks.neural.tensorflow import TensorflowModel
from mlem_model.frameworks.neural.torch import TorchModel

ROWS = np.random.default_rng(7).random((6, 4), dtype="float32")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    api.init(tmp_path)
    return tmp_path


class Evil:
    """What runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.mark),))


def changed(content: bytes, edit: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> io.BytesIO:
    """Return a zip archive whose members have been edited."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name, edit(name, source.read(name)))
        for name, data in (more or {}).items():
            target.writestr(name, data)
    buffer.seek(0)
    return buffer


@pytest.fixture(scope="module")
def program() -> bytes:
    return bytes(TorchModel.prepared(torch.nn.Linear(4, 3), ROWS).getvalue())


def test_the_program_as_it_was_saved_is_loaded(program: bytes) -> None:
    assert TorchModel.load(io.BytesIO(program))(torch.from_numpy(ROWS)).shape == (6, 3)


def test_a_program_with_pickled_weights_is_refused(program: bytes, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def edit(name: str, data: bytes) -> bytes:
        if name.endswith("model_weights_config.json"):
            config = json.loads(data)
            next(iter(config["config"].values()))["use_pickle"] = True
            return json.dumps(config).encode()
        return pickle.dumps(Evil(mark)) if name.endswith("weight_0") else data

    with pytest.raises(UserError, match="a pickled tensor"):
        TorchModel.load(changed(program, edit))
    assert not mark.exists()


def test_the_reader_of_torch_itself_would_have_run_it(program: bytes, tmp_path: Path) -> None:
    """If this fails, the reader has become safe, and what we check can become less."""
    mark = tmp_path / "ran"
    inputs = io.BytesIO()
    torch.save(Evil(mark), inputs)
    hostile = changed(program, lambda name, data: inputs.getvalue() if "sample_inputs" in name else data)
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever it says after it has run it
        torch.export.load(hostile)
    assert mark.exists()
    mark.rmdir()
    hostile.seek(0)
    with pytest.raises(UserError, match="a pickle of inputs"):
        TorchModel.load(hostile)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"torch.ops.aten.linear.default"', '"torch.hub.load"', "the function"),
        ('"torch.ops.aten.linear.default"', '"torch.ops.aten.from_file.default"', "the function"),
        ('"name": "linear"', '"name": "linear = __import__(\'os\').getcwd()"', "the name"),
        ("Symbol('s", "__import__('os').getenv('s", "the expression"),
        ("Symbol('s", "Symbol('s').free_symbols.union('s", "the expression"),
        ('"guards_code": []', '"guards_code": ["__import__(\'os\')"]', "guards"),
        ("builtins.dict", "collections.defaultdict", "a container"),
    ],
)
def test_a_program_that_names_what_is_no_operator_is_refused(program: bytes, old: str, new: str, said: str) -> None:
    found = []

    def edit(name: str, data: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return data
        found.append(old in data.decode())
        return data.decode().replace(old, new).encode()

    with pytest.raises(UserError, match=said) as caught:
        TorchModel.load(changed(program, edit))
    assert (caught.value.code, found) == ("unsafe-torch", [True])


@pytest.mark.parametrize("name", ["archive/data/aotinductor/model/lib.so", "archive/extra/run.py", "other/byteorder"])
def test_a_program_with_another_file_is_refused(program: bytes, name: str) -> None:
    with pytest.raises(UserError, match=r"this program of torch\.export has"):
        TorchModel.load(changed(program, lambda _name, data: data, {name: b"x"}))


def saved_graph(folder: Path, location: str, offset: str = "0", columns: int = 3) -> Path:
    """Write a graph whose weights are somewhere else."""
    weights = onnx.TensorProto(
        name="w", dims=[4, columns], data_type=onnx.TensorProto.FLOAT, data_location=onnx.TensorProto.EXTERNAL
    )
    for key, value in (("location", location), ("offset", offset), ("length", str(16 * columns))):
        weights.external_data.add(key=key, value=value)
    made = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "small",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", columns])],
        [weights],
    )
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10)
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "weights.bin").write_bytes(np.ones(4 * columns, "float32").tobytes())
    return folder


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "other.bin", "weights.bin/../../x", ""])
def test_a_graph_that_reads_another_file_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    with pytest.raises(UserError, match="which is not a file of the model") as caught:
        OnnxGraph.load_files(saved_graph(tmp_path / "model", location))
    assert caught.value.code == "unsafe-onnx"


@pytest.mark.parametrize("offset", ["4", "-4", "x", "9" * 30])
def test_a_graph_that_reads_beyond_its_weights_is_refused(tmp_path: Path, offset: str) -> None:
    with pytest.raises(UserError, match="beyond the end"):
        OnnxGraph.load_files(saved_graph(tmp_path / "model", "weights.bin", offset))


def test_a_graph_has_large_weights_in_a_file_of_their_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnnxGraph, "most_inside", 0)
    session = OnnxGraph.load_files(saved_graph(here / "there", "weights.bin", columns=200))
    graph = onnx.load(here / "there" / "model.onnx")
    model = api.save(graph, "small", sample_data=ROWS)
    assert {key for key in model.artifacts if key.startswith("data/")} == {"data/model.onnx", "data/weights.bin"}
    (expected,) = session.run(None, {"x": ROWS})
    assert np.array_equal(api.apply("small", ROWS), expected)


def test_a_graph_without_its_weights_is_refused_when_it_is_saved(here: Path) -> None:
    path = saved_graph(here / "there", "weights.bin") / "model.onnx"
    with pytest.raises(UserError, match="files that were not loaded") as caught:
        api.save(onnx.load(path, load_external_data=False), "small", sample_data=ROWS)
    assert caught.value.hint == "load it with them: onnx.load(path)"


def small(*layers: Any) -> Any:
    return keras.Sequential([keras.layers.Input((4,)), *(layers or (keras.layers.Dense(3),))])


class Mine(keras.layers.Layer):
    """A layer of the user's."""

    def call(self, rows: Any) -> Any:
        return rows


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda: keras.layers.Lambda(lambda rows: rows * 2), "a lambda"),
        (lambda: keras.layers.Dense(3, activation=lambda rows: rows), "a lambda"),
        (Mine, "Mine"),
    ],
)
def test_a_keras_model_with_code_is_refused_when_it_is_saved(here: Path, layer: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        api.save(small(layer()), "model", sample_data=ROWS)
    assert caught.value.hint is not None
    assert "layers and functions of Keras alone" in caught.value.hint
    assert not list(here.glob("model*"))


def test_a_keras_file_with_a_lambda_is_refused_before_it_is_read(tmp_path: Path) -> None:
    small(keras.layers.Lambda(lambda rows: rows * 2)).save(tmp_path / "evil.keras")
    with pytest.raises(UserError, match="a lambda") as caught:
        KerasModel.load(io.BytesIO((tmp_path / "evil.keras").read_bytes()))
    assert caught.value.code == "unsafe-keras"


@pytest.mark.parametrize(
    "part",
    [
        {"module": "os", "class_name": "system", "config": "true"},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://host/x"}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/x"}},
    ],
)
def test_a_keras_file_that_names_other_things_is_refused(part: dict[str, Any]) -> None:
    content = KerasModel.prepared(small(), ROWS)

    def edit(name: str, data: bytes) -> bytes:
        if name != "config.json":
            return data
        config = json.loads(data)
        config["config"]["layers"].append(part)
        return json.dumps(config).encode()

    with pytest.raises(UserError, match="the Keras model has"):
        KerasModel.load(changed(content, edit))


def test_a_keras_file_whose_weights_are_elsewhere_is_refused(tmp_path: Path) -> None:
    import h5py

    def edit(name: str, data: bytes) -> bytes:
        if not name.endswith(".h5"):
            return data
        buffer = io.BytesIO(data)
        with h5py.File(buffer, "a") as file:
            file["more"] = h5py.ExternalLink("/etc/secret.h5", "/")
        return buffer.getvalue()

    with pytest.raises(UserError, match=r"weights in the file '/etc/secret.h5'"):
        KerasModel.load(changed(KerasModel.prepared(small(), ROWS), edit))


class Writing(tf.Module):
    """A module that writes a file when it is called."""

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def __call__(self, rows: Any) -> Any:
        tf.io.write_file("written", "x")
        return rows * 2


def test_a_saved_model_that_writes_files_is_refused(here: Path) -> None:
    with pytest.raises(UserError, match="the operation WriteFile"):
        api.save(Writing(), "model", sample_data=tf.constant(ROWS))
    tf.saved_model.save(Writing(), str(here / "evil"))
    with pytest.raises(UserError, match="the operation WriteFile") as caught:
        TensorflowModel.load_files(here / "evil")
    assert caught.value.code == "unsafe-tensorflow"
