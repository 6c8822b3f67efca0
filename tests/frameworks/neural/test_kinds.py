"""PyTorch, TorchScript, ONNX, Keras and TensorFlow: each passes the suite of model types, with small trained models."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import torch
from sklearn.datasets import load_digits, load_iris

from mlem.testing.model_types import ModelTypeSuite

FLOWERS, KINDS = load_iris(return_X_y=True)
FLOWERS = FLOWERS.astype("float32")
DIGITS = (load_digits().images[:40, None] / 16).astype("float32")


class Classifier(torch.nn.Module):
    """A perceptron with what acts otherwise while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(4, 8)
        self.normal = torch.nn.BatchNorm1d(8)
        self.dropped = torch.nn.Dropout()
        self.out = torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.dropped(self.normal(self.hidden(x)))))


class Convolution(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filters = torch.nn.Conv2d(1, 4, 3)
        self.out = torch.nn.Linear(4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.filters(images)).mean(dim=(2, 3)))


class Branching(Classifier):
    """Its way depends on its data, which only code can say."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.new_full((len(x), 3), 2.0) if float(x.sum()) > 1e6 else super().forward(x)


def trained(kind: Any, rows: Any = FLOWERS, kinds: Any = KINDS) -> Any:
    torch.manual_seed(7)
    model = kind()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.from_numpy(rows)), torch.from_numpy(kinds)).backward()
        optimizer.step()
    return model


def asked(model: Any, *rows: Any) -> Any:
    """Return what a module itself answers in evaluation mode, without changing it."""
    training = model.training
    try:
        with torch.no_grad():
            return model.eval()(*rows)
    finally:
        model.train(training)


class OfTorch(ModelTypeSuite):
    def expected(self, obj: Any, sample: Any) -> Any:
        return asked(obj, torch.as_tensor(sample))


class TestTorchOfArrays(OfTorch):
    type = "torch"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return trained(Classifier), FLOWERS


class TestTorchOfTensors(OfTorch):
    type = "torch"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return trained(Classifier), torch.from_numpy(FLOWERS)


class TestTorchOfImages(OfTorch):
    type = "torch"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return trained(Convolution, DIGITS, load_digits().target[:40]), torch.from_numpy(DIGITS)


class TestTorchScript(OfTorch):
    type = "torchscript"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated
            return torch.jit.script(trained(Classifier)), torch.from_numpy(FLOWERS)


class TestTorchWithCode(OfTorch):
    type = "torch_module"
    runs_code = True
    joined = False  # the way depends on all rows

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return trained(Branching), torch.from_numpy(FLOWERS)

    def options(self) -> Any:
        return {"format": "pickle"}


def graph(*, several: bool = False) -> onnx.ModelProto:
    """Return a small graph; of two inputs and two outputs where it should have several."""
    weights = onnx.numpy_helper.from_array(np.arange(12, dtype="float32").reshape(4, 3) / 12, "weights")
    floats = onnx.TensorProto.FLOAT
    inputs = [onnx.helper.make_tensor_value_info("x", floats, ["n", 4])]
    outputs = [onnx.helper.make_tensor_value_info("y", floats, ["n", 3])]
    nodes = [onnx.helper.make_node("MatMul", ["x", "weights"], ["y"])]
    if several:
        inputs.append(onnx.helper.make_tensor_value_info("more:0", floats, ["n", 3]))
        outputs.append(onnx.helper.make_tensor_value_info("sum", floats, ["n", 3]))
        nodes.append(onnx.helper.make_node("Add", ["y", "more:0"], ["sum"]))
    made = onnx.helper.make_graph(nodes, "small", inputs, outputs, [weights])
    return onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10)


class TestOnnxGraph(ModelTypeSuite):
    type = "onnx"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return graph(), FLOWERS

    def expected(self, obj: Any, sample: Any) -> Any:
        return sample @ (np.arange(12, dtype="float32").reshape(4, 3) / 12)


class TestOnnxSessionOfAFileWithWeightsBesideIt(TestOnnxGraph):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        path = str(tmp_path / "graph.onnx")
        onnx.save_model(graph(), path, save_as_external_data=True, location="other.bin", size_threshold=0)
        return onnxruntime.InferenceSession(path), FLOWERS


class OfKeras(ModelTypeSuite):
    def expected(self, obj: Any, sample: Any) -> Any:
        return obj.predict(sample, verbose=0)


class TestKeras(OfKeras):
    type = "keras"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        keras.utils.set_random_seed(7)
        layers = keras.layers
        model = keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(FLOWERS, KINDS, epochs=2, verbose=0)
        return model, FLOWERS


class Product(tf.Module):
    """A module with a variable, called with tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(np.arange(12, dtype="float32").reshape(4, 3) / 12)

    def __call__(self, rows: Any) -> Any:
        return tf.nn.softmax(rows @ self.weights)


class TestTensorflow(ModelTypeSuite):
    type = "tensorflow"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return Product(), tf.constant(FLOWERS)

    def expected(self, obj: Any, sample: Any) -> Any:
        return obj(tf.convert_to_tensor(sample))


class TestTensorflowOfWhatKerasExports(ModelTypeSuite):
    type = "tensorflow"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "softmax")])
        model.export(tmp_path / "exported", verbose=False)
        return tf.saved_model.load(tmp_path / "exported"), FLOWERS

    def expected(self, obj: Any, sample: Any) -> Any:
        (answer,) = obj.signatures["serving_default"](tf.convert_to_tensor(sample)).values()
        return answer
