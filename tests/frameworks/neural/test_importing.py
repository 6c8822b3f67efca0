"""Files of neural networks that their frameworks have written: imported, compared; hostile ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlem import api
from mlem.testing import Project

pytestmark = [  # of the frameworks about their own
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
ROWS = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    np.save("rows.npy", ROWS)
    return project


def imported(project: Project, path: str, name: str = "net") -> Any:
    done = project.mlem("import", path, name, "--sample", "rows.npy")
    assert done.returncode == 0, done.stderr
    return np.asarray(api.apply(name, ROWS))


def test_torchscript(here: Project) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    torch.jit.script(net).save("net.pt")
    with torch.inference_mode():
        expected = net(torch.from_numpy(ROWS)).numpy()
    assert np.allclose(imported(here, "net.pt"), expected, atol=1e-6)


@pytest.mark.parametrize("what", ["weights", "module"])
def test_another_file_of_torch_is_refused_unread(here: Project, what: str) -> None:
    net = torch.nn.Linear(4, 2)
    torch.save(net.state_dict() if what == "weights" else net, "net.pt")
    done = here.mlem("import", "net.pt", "net")
    assert (done.returncode, "weights_only=True" in done.stderr) == (2, True), done.stderr


def onnx_graph(external: str | None = None) -> Any:
    import onnx
    from onnx import TensorProto, helper

    weights = np.arange(8, dtype="float32").reshape(4, 2)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4, 2], weights.tobytes(), raw=True)
    if external is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", external
        Path("weights.bin").write_bytes(weights.tobytes())
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        [tensor],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    Path("net.onnx").write_bytes(made.SerializeToString())
    onnx.checker.check_model(made)
    return ROWS @ weights


def test_onnx(here: Project) -> None:
    expected = onnx_graph()
    assert np.allclose(imported(here, "net.onnx"), expected)


def test_onnx_with_weights_beside_it(here: Project) -> None:
    expected = onnx_graph("weights.bin")
    assert np.allclose(imported(here, "net.onnx"), expected)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/passwd", "link.bin", "missing.bin"])
def test_onnx_with_weights_elsewhere_is_refused(here: Project, place: str) -> None:
    (here.folder.parent / "secret.bin").write_bytes(b"\0" * 32)
    Path("link.bin").symlink_to(here.folder.parent / "secret.bin")
    try:
        onnx_graph(place)
    except Exception:  # onnx's own checker; the file is written all the same
        assert Path("net.onnx").exists()
    done = here.mlem("import", "net.onnx", "net", "--sample", "rows.npy")
    assert (done.returncode, "error[outside]" in done.stderr) == (2, True), done.stderr


def test_keras(here: Project) -> None:
    import keras

    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)])
    net.save("net.keras")
    assert np.allclose(imported(here, "net.keras"), net.predict(ROWS, verbose=0), atol=1e-5)


def test_a_saved_model(here: Project) -> None:
    import tensorflow as tf

    class Net(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.ones((4, 2), dtype="float32"))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return tf.matmul(x, self.w)

    net = Net()
    tf.saved_model.save(net, "net")
    assert np.allclose(imported(here, "net", "other"), net(ROWS).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["net.onnx", "net.keras", "net.pt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a model", b"\x08\x09" * 50])
def test_a_damaged_file_is_an_error(here: Project, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    done = here.mlem("import", name, "net")
    assert (done.returncode in (2, 3), "Traceback" in done.stderr) == (True, False), done.stderr
