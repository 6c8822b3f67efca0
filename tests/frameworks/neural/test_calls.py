"""Neural networks as people use them: inputs and outputs of many kinds, what stays as it was, a deployment."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import mlem
from mlem import api
from mlem.testing import Project
from mlem_model.data.types.any import difference, infer, parse_type
from mlem_model.errors import DataError, UserError
from mlem_model.plugins.registry import registry

ROWS = np.random.default_rng(7).random((6, 4), dtype="float32")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    api.init(tmp_path)
    torch.manual_seed(7)
    return tmp_path


class Pair(torch.nn.Module):
    """Takes two tensors, the second may be missing, and answers with a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(4, 2)

    def forward(self, left: Any, right: Any, scale: float = 1.0) -> Any:
        return {"sum": self.inner(left) + self.inner(right) * scale, "both": (left, right)}


class Stop(torch.nn.Module):
    """Its way depends on its data, and its code on a class that TorchScript does not know."""

    def forward(self, rows: Any) -> Any:
        found = {"stopped": float(rows.sum()) > 1e9}
        return rows if found["stopped"] else rows * 2


def test_several_inputs_and_outputs(here: Path) -> None:
    module = Pair()
    model = api.save(module, "pair", sample_data={"left": ROWS, "right": ROWS})
    assert model.model_type == "torch"
    (method,) = model.methods.values()
    assert [argument.name for argument in method.args] == ["left", "right"]
    with torch.no_grad():
        expected = module(torch.from_numpy(ROWS), torch.from_numpy(ROWS))
    got = method.call(api.load("pair"), {"left": torch.from_numpy(ROWS[:3]), "right": torch.from_numpy(ROWS[:3])})
    assert torch.allclose(got["sum"], expected["sum"][:3])
    assert isinstance(got["both"], tuple)


@pytest.mark.parametrize(
    "sample", [ROWS.tolist(), ROWS.astype("float64"), pd.DataFrame(ROWS, columns=list("abcd")), torch.from_numpy(ROWS)]
)
def test_the_sample_says_what_callers_have(here: Path, sample: Any) -> None:
    module = torch.nn.Linear(4, 2)
    model = api.save(module, "model", sample_data=sample)
    (method,) = model.methods.values()
    assert method.args[0].data_type == infer(sample)
    answer = api.apply("model", sample)
    assert isinstance(answer, torch.Tensor)
    assert not answer.requires_grad
    assert torch.allclose(answer, module(torch.from_numpy(ROWS)).detach())


def test_the_users_module_stays_as_it_was(here: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(), torch.nn.BatchNorm1d(4))
    module[2].eval()  # a part that somebody has frozen
    before = {name: value.clone() for name, value in module.state_dict().items()}
    api.save(module, "model", sample_data=ROWS)
    assert [part.training for part in module.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_neither_the_sample_nor_paths_are_in_the_file(here: Path) -> None:
    secret = np.full((3, 4), 0.123456789, dtype="float32")
    api.save(Pair().inner, "model", sample_data=secret, public_sample=False)
    content = Path("model").read_bytes()
    assert secret[0].tobytes() not in content
    assert b".py" not in content


def test_one_row_is_sample_enough_for_any_number_of_rows(here: Path) -> None:
    module = torch.nn.Linear(4, 2)
    api.save(module, "model", sample_data=ROWS[:1])
    assert api.apply("model", ROWS).shape == (6, 2)


def test_a_module_that_has_no_program_is_saved_with_its_code(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mlem_model.models.saving"):
        model = api.save(Stop(), "model", sample_data=ROWS)
    assert (model.model_type, model.artifacts["data"].format) in [
        ("torchscript", "torchscript"),
        ("torch_module", "pickle"),
    ]
    assert "a Stop is not saved as pt2" in caplog.text
    assert torch.equal(api.apply("model", ROWS), torch.from_numpy(ROWS * 2))


def test_a_format_that_is_named_is_used_or_refused(here: Path) -> None:
    with pytest.raises(UserError, match="can't be exported"):
        api.save(Stop(), "model", sample_data=ROWS, format="pt2")
    assert api.save(Pair().inner, "model", sample_data=ROWS, format="torchscript").model_type == "torchscript"
    assert api.save(Pair().inner, "model", sample_data=ROWS, format="pickle").model_type == "torch_module"


def test_a_function_of_torchscript_is_a_model(here: Path) -> None:
    def double(rows: torch.Tensor) -> torch.Tensor:
        return rows * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        traced = torch.jit.trace(double, torch.from_numpy(ROWS))
    assert api.save(traced, "double", sample_data=ROWS).model_type == "torchscript"
    assert torch.equal(api.apply("double", ROWS), torch.from_numpy(ROWS * 2))


def test_a_function_of_tensors_takes_and_answers_them(here: Path) -> None:
    def scaled(rows: Any) -> Any:
        return {"double": rows * 2, "count": len(rows)}

    model = api.save(scaled, "scaled", sample_data=torch.from_numpy(ROWS))
    answer = api.apply("scaled", ROWS)  # an array converts
    assert torch.equal(answer["double"], torch.from_numpy(ROWS * 2))
    assert "torch" in [requirement.module for requirement in model.requirements]


@pytest.mark.parametrize(
    ("tensor", "hint"),
    [
        (torch.eye(3).to_sparse(), "convert it: tensor.to_dense()"),
        (torch.eye(3, dtype=torch.bfloat16), "convert it: tensor.float()"),
        (torch.eye(3, dtype=torch.complex64), "convert it: tensor.float()"),
    ],
)
def test_a_tensor_that_can_not_be_sent_is_refused(tensor: Any, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        infer(tensor)
    assert caught.value.hint == hint


def test_tensors_are_checked_as_arrays_are() -> None:
    expected = parse_type({"type": "torch_tensor", "shape": [None, 2], "dtype": "float32"})
    for payload, said in (
        ([[1, 2, 3]], "data[0]: expected a list of 2 items, got 3 items"),
        ([[1, "a"]], "data[0][1]: expected a number (float32), got a string"),
        ("text", "data: expected a list, got a string"),
    ):
        with pytest.raises(DataError) as caught:
            expected.decode(payload)
        assert str(caught.value).partition("\n")[0] == said
    with pytest.raises(DataError, match="got an array of shape"):
        expected.accept(torch.zeros(2, 3))
    assert parse_type({"type": "torch", "shape": [None, 2], "dtype": "float32"}) == expected  # as MLEM 0.4 has it


def test_an_array_becomes_a_tensor_without_a_copy() -> None:
    expected, array = infer(torch.zeros(3, 2)), np.ones((3, 2), "float32")
    tensor = expected.accept(array)
    array[0, 0] = 7
    assert tensor[0, 0] == 7
    assert expected.accept(array[::-1])[2, 0] == 7  # torch has no negative strides
    assert expected.accept(array.astype(">f4"))[0, 0] == 7  # nor another byte order


def test_nothing_of_the_frameworks_is_imported_to_recognise_an_object() -> None:
    code = (
        "import sys\nfrom mlem_model.plugins.registry import registry\n"
        "found = [kind for kind in registry().all('model_type').values() if kind.matches(object())]\n"
        "print(found, sorted({'torch', 'tensorflow', 'keras', 'onnx', 'onnxruntime', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
    assert registry().get("model_type", "torch").matches(torch.nn.ReLU())
    assert mlem.__version__


def test_a_deployed_module_answers_as_the_module(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "state"))
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 3))
    api.save(module, "net", sample_data=torch.from_numpy(ROWS))
    project = Project(here)
    try:
        done = project.mlem("deployment", "run", "local", "app", "--model", "net")
        assert done.returncode == 0, done.stderr
        with torch.no_grad():
            expected = module.eval()(torch.from_numpy(ROWS))
        with project.handle("app").get_client() as client:
            for rows in (torch.from_numpy(ROWS), ROWS, ROWS.tolist()):
                answer = client.predict(rows)
                assert isinstance(answer, torch.Tensor)
                assert torch.allclose(answer, expected, atol=1e-6)
        np.save("rows.npy", ROWS)
        assert project.mlem("deployment", "apply", "app", "rows.npy", "-o", "answer.npy").returncode == 0
        assert np.allclose(np.load("answer.npy"), expected, atol=1e-6)
        Path("rows.json").write_text(str(ROWS.tolist()))
        assert np.allclose(project.json("deployment", "apply", "app", "rows.json"), expected, atol=1e-6)
    finally:
        project.mlem("deployment", "remove", "app")


def test_texts_travel_as_a_tensor_of_tensorflow() -> None:
    import tensorflow as tf

    texts = tf.constant([["für", "everything"], ["", "x"]])
    expected = infer(texts)
    assert expected.model_dump() == {"type": "tf_tensor", "shape": (None, 2), "dtype": "str"}
    assert expected.encode(texts) == [["für", "everything"], ["", "x"]]
    assert difference(texts, expected.decode(expected.encode(texts))) is None
    with pytest.raises(DataError, match="a tensor of texts in UTF-8"):
        expected.encode(tf.constant([[b"\xff", b""]]))
    with pytest.raises(DataError, match="a dense tensor"):
        infer(tf.ragged.constant([[1], [2, 3]]))


def test_a_model_of_keras_is_loaded_with_the_backend_that_it_was_saved_with(here: Path) -> None:
    train = (
        "import keras, numpy as np\nfrom mlem import api\n"
        "model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])\n"
        "saved = api.save(model, 'net', sample_data=np.ones((3, 4), 'float32'))\n"
        "print([one.module for one in saved.requirements])"
    )
    load = "import sys\nfrom mlem import api\napi.load('net')\nimport keras\nprint(keras.backend.backend())"
    project = Project(here, {"KERAS_BACKEND": "torch"})
    assert project.python("-W", "ignore", "-c", train).stdout.strip() == "['keras', 'numpy', 'torch']"
    assert Project(here).python("-c", load).stdout.strip() == "torch"
