from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.calls.missing import missing_numbers
from mlem_model.models.saving import save
from mlem_model.serving.interface import Interface

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            pandas.DataFrame({"a": [1.0, NAN], "b": [1.0, 2.0], "c": [1, 2], "d": ["x", None], 7: [NAN, 1.0]}),
            ("a", "7"),
        ),
        (pandas.DataFrame([[1.0, NAN]], columns=["a", "a"]), ("a",)),
        (pandas.DataFrame({"a": pandas.array([1.0, None], "Float64")}), ()),
        (pandas.Series([1.0, NAN]), ("",)),
        (pandas.Series(["a", None]), ()),
        (numpy.array([[1.0, NAN]], "float32"), ("",)),
        (numpy.float64(NAN), ("",)),
        (numpy.array([1, 2]), ()),
        (numpy.array(["a"]), ()),
        ([NAN], ()),
        (None, ()),
    ],
)
def test_missing_numbers_are_found_where_they_are(value: Any, found: tuple[str, ...]) -> None:
    assert missing_numbers(value) == found


def test_a_model_knows_where_its_sample_and_its_answer_lack_numbers(tmp_path: Any) -> None:
    sample = pandas.DataFrame({"a": [1.0, NAN], "b": [1.0, 2.0]})
    model = save(lambda frame: frame[["a"]], tmp_path / "m", sample_data=sample, model_types=(CallableModel,))
    method = model.methods["predict"]
    assert (method.args[0].missing, method.missing) == (("a",), ("a",))
    interface = Interface.of(model)
    assert Interface.parse(interface.to_json()).methods == interface.methods


def test_a_model_whose_sample_is_whole_is_written_as_before(tmp_path: Any) -> None:
    model = save(lambda X: X.sum(axis=1), tmp_path / "m", sample_data=numpy.eye(2), model_types=(CallableModel,))
    assert "missing" not in (tmp_path / "m.mlem").read_text()
    assert "missing" not in str(Interface.of(model).to_json())
