from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy
import pytest

from mlem_model.artifacts.packages.requirement import Requirement
from mlem_model.artifacts.trust import Trust
from mlem_model.data.types.any import infer
from mlem_model.errors import GateError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.hookspecs import hookimpl
from mlem_model.models.model import Argument, Method, Model, Sample
from mlem_model.models.model_type import ModelType
from mlem_model.models.saving import save
from mlem_model.plugins.installed import installed_plugins
from mlem_model.plugins.registry import Plugin, Registry, using
from mlem_server.inference.loading import check_samples, load, warn_of_versions

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


class Counting:
    """A model of a framework that tells how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, x: float) -> float:
        self.asked += 1
        return x * 2


class CountingType(ModelType):
    """Its type, with a format of its own."""

    type: ClassVar[str] = "counting"
    format: ClassVar[str] = "nothing"

    @classmethod
    def matches(cls, obj: Any) -> bool:
        return isinstance(obj, Counting)

    @classmethod
    def methods(cls, obj: Any) -> dict[str, str]:
        return {"predict": "predict"}

    @classmethod
    def dump(cls, obj: Any, file: IO[bytes]) -> frozenset[str]:
        file.write(b"nothing")
        return frozenset()

    @classmethod
    def load(cls, file: IO[bytes], requirements: Sequence[Any] = (), trusted: Sequence[str] = ()) -> Any:
        return Counting()


class CountingPlugin:
    @hookimpl
    def mlem_model_types(self) -> list[Any]:
        return [CountingType]


@pytest.mark.filterwarnings("ignore:the model needs")
def test_a_frameworks_model_is_warm_before_it_is_ready_and_a_function_is_asked_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mlem.server")
    plugins = [*installed_plugins(), Plugin("counting", "counting 1.0", CountingPlugin)]
    with using(Registry(plugins)):
        model = save(Counting(), tmp_path / "m", sample_data=1.0, model_types=[CountingType])
        assert isinstance(model, Model)
        assert load(model, tmp_path, Trust()).asked == 4
    assert "warm: the sample rows take" in caplog.text
    calls = tmp_path / "calls"

    def count(x: float) -> float:
        with calls.open("a") as file:
            file.write("x")
        return x

    function = save(count, tmp_path / "f", sample_data=1.0, model_types=[CallableModel])
    calls.unlink()
    assert isinstance(function, Model)
    load(function, tmp_path, Trust())
    assert calls.read_text() == "x"
