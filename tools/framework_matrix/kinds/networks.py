"""Neural networks: a perceptron of flowers in each framework, trained for a few rounds; and a graph of ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from framework_matrix.kind import Kind, Trained


def flowers() -> tuple[Any, Any]:
    """Measures of 600 flowers, in single precision, and their kinds."""
    import numpy as np
    from sklearn.datasets import load_iris

    rows, kinds = load_iris(return_X_y=True)
    return np.tile(rows.astype("float32"), (4, 1)), np.tile(kinds, 4)


def perceptron() -> Any:
    """A module of PyTorch with what acts otherwise while it is trained."""
    import torch

    rows, kinds = map(torch.from_numpy, flowers())
    torch.manual_seed(7)
    layers = torch.nn
    module = layers.Sequential(
        layers.Linear(4, 16), layers.BatchNorm1d(16), layers.ReLU(), layers.Dropout(), layers.Linear(16, 3)
    )
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(10):
        optimizer.zero_grad()
        layers.functional.cross_entropy(module(rows), kinds).backward()
        optimizer.step()
    return module.eval()


def asked(module: Any, rows: Any) -> Any:
    """Return what a module answers."""
    import torch

    with torch.no_grad():
        return module(rows)


def exported(folder: Path) -> Trained:
    """A module, which `torch.export` makes a program of."""
    import torch

    module, rows = perceptron(), torch.from_numpy(flowers()[0])
    return Trained(module, rows, asked(module, rows))


def script(folder: Path) -> Trained:
    """A module of TorchScript."""
    import torch

    rows = torch.from_numpy(flowers()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        module = torch.jit.script(perceptron())
    return Trained(module, rows, asked(module, rows))


def keras_model(folder: Path) -> Trained:
    """A model of Keras, with the backend that ``KERAS_BACKEND`` names."""
    import keras

    rows, kinds = flowers()
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential([layers.Input((4,)), layers.Dense(16, "relu"), layers.Dropout(0.5), layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(rows, kinds, epochs=2, verbose=0)
    return Trained(model, rows, model.predict(rows, verbose=0))


def saved_model(folder: Path) -> Trained:
    """A module of TensorFlow with variables, called with tensors."""
    import tensorflow as tf

    rows, kinds = flowers()

    class Softmax(tf.Module):  # type: ignore[misc]  # without type information
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(tf.zeros((4, 3)))

        def __call__(self, flowers: Any) -> Any:
            return tf.nn.softmax(flowers @ self.weights)

    module = Softmax()
    for _ in range(10):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(kinds, module(tf.constant(rows))))
        module.weights.assign_sub(0.1 * tape.gradient(loss, module.weights))
    return Trained(module, tf.constant(rows), module(tf.constant(rows)))


def session(folder: Path) -> Trained:
    """A session of a graph in a file: the same perceptron, written down by hand."""
    import onnx
    import onnxruntime
    from sklearn.neural_network import MLPClassifier

    rows, kinds = flowers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few rounds do not converge
        fitted = MLPClassifier((16,), max_iter=20, random_state=7).fit(rows, kinds)
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = {
        name: onnx.numpy_helper.from_array(value.astype("float32"), name)
        for name, value in zip(("w1", "w2", "b1", "b2"), (*fitted.coefs_, *fitted.intercepts_), strict=True)
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", floats, ["n", 4])]
    outputs = [helper.make_tensor_value_info("y", floats, ["n", 3])]
    graph = helper.make_graph(nodes, "flowers", inputs, outputs, list(weights.values()))
    path = folder / "flowers.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), str(path))
    made = onnxruntime.InferenceSession(str(path))
    return Trained(made, rows, made.run(None, {"x": rows})[0])


_TENSORFLOW = "tensorflow-cpu|tensorflow"
KINDS = (
    Kind("PyTorch, torch.export", "torch", ("torch",), exported),
    Kind("PyTorch, TorchScript", "torchscript", ("torch",), script, program=True),
    Kind(
        "Keras 3 on TensorFlow",
        "keras",
        ("keras", _TENSORFLOW),
        keras_model,
        variables={"KERAS_BACKEND": "tensorflow"},
    ),
    Kind("Keras 3 on PyTorch", "keras", ("keras", "torch"), keras_model, variables={"KERAS_BACKEND": "torch"}),
    Kind("Keras 3 on JAX", "keras", ("keras", "jax"), keras_model, variables={"KERAS_BACKEND": "jax"}),
    Kind("TensorFlow, SavedModel", "tensorflow", (_TENSORFLOW,), saved_model, program=True),
    Kind("ONNX, session", "onnx", ("onnxruntime", "onnx"), session),
)
