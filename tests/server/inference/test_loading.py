from __future__ import annotations

import logging
from pathlib import Path

import numpy
import pytest

from mlem_model.artifacts.requirement import Requirement
from mlem_model.data.types.any import infer
from mlem_model.errors import GateError
from mlem_model.models.model import Argument, Method, Model, Sample
from mlem_server.inference.loading import check_samples, metadata_path, warn_of_versions

NUMBER = infer(1.0)
METHOD = Method(name="__call__", args=(Argument(name="x", data_type=NUMBER),), returns=NUMBER)


def model_of(returns: object, requirements: tuple[Requirement, ...] = ()) -> Model:
    sample = Sample(args={"x": 1.0}, returns=returns)
    return Model(
        model_type="callable",
        artifacts={},
        methods={"predict": METHOD},
        samples={"predict": sample},
        requirements=requirements,
    )


@pytest.mark.parametrize(
    ("model", "path"), [("models/rf", "models/rf.mlem"), ("rf.mlem", "rf.mlem"), ("rf.v1.2", "rf.v1.2.mlem")]
)
def test_a_model_is_named_with_or_without_its_extension(model: str, path: str) -> None:
    assert metadata_path(model) == Path(path)


def test_a_right_answer_within_the_tolerance_passes() -> None:
    check_samples(model_of(2.0), lambda x: x + 1.0000001)


def test_a_wrong_answer_says_what_was_given_and_what_was_saved() -> None:
    with pytest.raises(GateError) as caught:
        check_samples(model_of(2.0), lambda x: x)
    assert caught.value.message == "predict: the sample row gives 1.0, but gave 2.0 when the model was saved"


def test_an_exception_of_the_model_is_named() -> None:
    def model(x: float) -> float:
        raise ZeroDivisionError("no")

    with pytest.raises(GateError) as caught:
        check_samples(model_of(2.0), model)
    assert (
        caught.value.message
        == "predict: the model raises ZeroDivisionError on the sample row that it answered when it was saved: no"
    )


def test_a_sample_that_does_not_fit_the_signature_is_refused() -> None:
    sample = Sample(args={"x": "text"}, returns=1.0)
    model = Model(model_type="callable", artifacts={}, methods={"predict": METHOD}, samples={"predict": sample})
    with pytest.raises(GateError, match="predict: the sample row can't be used: x: expected a number, got a string"):
        check_samples(model, abs)


def test_another_version_of_a_package_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    old, absent = (Requirement(module=name, version="0.0.1", package_name=name) for name in ("numpy", "no_such"))
    with caplog.at_level(logging.WARNING, logger="mlem.server"):
        warn_of_versions(model_of(2.0, (old, absent)))
    assert caplog.messages == [f"the model was saved with numpy 0.0.1, and {numpy.__version__} is installed"]
