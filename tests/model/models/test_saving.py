from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest

from mlem_model.artifacts.artifact import Artifact
from mlem_model.data.types.any import DataFrameType, ListType, NdarrayType, PrimitiveType, UnspecifiedType, equal
from mlem_model.errors import ConflictError, DataError, DeclarationError, NotFoundError, PluginError, UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.loading import load_model
from mlem_model.models.model import Argument, Method, Model, Sample
from mlem_model.models.saving import copy_model, load_data, save, verify
from mlem_model.objects.yaml_file import read_mapping

TYPES = (SklearnModel, CallableModel)
INT, FLOAT = PrimitiveType(ptype="int"), PrimitiveType(ptype="float")


def saved(obj: Any, path: Path, sample: Any) -> Model:
    model = save(obj, path, sample_data=sample, model_types=TYPES)
    assert isinstance(model, Model)
    assert Model.from_data(read_mapping(path.with_name(path.name + ".mlem")), "x") == model
    return model


@pytest.fixture
def iris() -> tuple[pd.DataFrame, Any]:
    from sklearn.datasets import load_iris

    bunch = load_iris(as_frame=True)
    return bunch.data, bunch.target


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return saved(lambda x: x * 2, tmp_path / "double", 21)


def test_an_estimator_is_saved_with_methods_types_sample_and_requirements(
    tmp_path: Path, iris: tuple[pd.DataFrame, Any]
) -> None:
    from sklearn.linear_model import LogisticRegression

    data, target = iris
    classifier = LogisticRegression(max_iter=500).fit(data, target)
    model = saved(classifier, tmp_path / "models/lr", data)
    frame_type = DataFrameType(columns=tuple(data.columns), dtypes=("float64",) * 4)
    argument = Argument(name="X", data_type=frame_type)
    assert model.methods == {
        "predict": Method(
            name="predict", args=(argument,), returns=NdarrayType(shape=(None,), dtype="int64"), rowwise=True
        ),
        "predict_proba": Method(
            name="predict_proba",
            args=(argument,),
            returns=NdarrayType(shape=(None, 3), dtype="float64"),
            rowwise=True,
            classes=(0, 1, 2),
        ),
        "predict_log_proba": Method(
            name="predict_log_proba",
            args=(argument,),
            returns=NdarrayType(shape=(None, 3), dtype="float64"),
            rowwise=True,
            classes=(0, 1, 2),
        ),
        "decision_function": Method(
            name="decision_function",
            args=(argument,),
            returns=NdarrayType(shape=(None, 3), dtype="float64"),
            rowwise=True,
            classes=(0, 1, 2),
        ),
    }
    assert model.samples["predict"] == Sample(args={"X": frame_type.encode(data.head(1))}, returns=[0])
    assert [requirement.module for requirement in model.requirements] == ["numpy", "pandas", "sklearn"]
    content = (tmp_path / "models/lr").read_bytes()
    assert model.artifacts == {
        "data": Artifact(uri="lr", size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    }
    loaded = load_model(model, tmp_path / "models", TYPES)
    np.testing.assert_array_equal(loaded.predict(data), classifier.predict(data))
    for name, method in model.methods.items():
        answer = method.call(loaded, method.decode_args(model.samples[name].args))
        assert equal(method.returns.encode(answer), model.samples[name].returns)


def test_the_same_estimator_has_the_same_digest_under_another_name(
    tmp_path: Path, iris: tuple[pd.DataFrame, Any]
) -> None:
    from sklearn.tree import DecisionTreeClassifier

    digests = {
        saved(DecisionTreeClassifier(random_state=0).fit(*iris), tmp_path / name, iris[0]).digest
        for name in ("a", "b/c")
    }
    assert len(digests) == 1


def test_a_pipeline_with_a_function_of_the_user_and_a_transformer_are_saved(
    tmp_path: Path, iris: tuple[pd.DataFrame, Any]
) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    pipeline = make_pipeline(FunctionTransformer(lambda x: x * 2), StandardScaler()).fit(iris[0])
    model = saved(pipeline, tmp_path / "scaler", iris[0])
    assert list(model.methods) == ["transform", "inverse_transform"]
    np.testing.assert_allclose(load_model(model, tmp_path).transform(iris[0]), pipeline.transform(iris[0]))


def test_methods_that_an_estimator_does_not_have_are_left_out(tmp_path: Path, iris: tuple[pd.DataFrame, Any]) -> None:
    from sklearn.svm import SVC

    assert list(saved(SVC().fit(*iris), tmp_path / "svc", iris[0]).methods) == ["predict", "decision_function"]


def test_an_optional_method_that_fails_on_the_sample_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from sklearn.base import BaseEstimator

    class Half(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def predict(self, X: Any) -> Any:
            return np.zeros(len(X))

        def predict_proba(self, X: Any) -> Any:
            raise RuntimeError("not trained for that")

    with caplog.at_level(logging.WARNING):
        model = saved(Half(), tmp_path / "half", np.zeros((2, 2)))
    assert list(model.methods) == ["predict"]
    assert caplog.messages == [
        "predict_proba is left out of the model: it fails on the sample data: RuntimeError: not trained for that"
    ]


def test_a_required_method_that_fails_on_the_sample_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    def broken(x: int) -> int:
        raise ZeroDivisionError("by zero")

    with pytest.raises(UserError) as caught:
        save(broken, tmp_path / "m", sample_data=1, model_types=TYPES)
    assert (caught.value.code, str(caught.value)) == (
        "sample-failed",
        "predict fails on the sample data: ZeroDivisionError: by zero",
    )
    assert list(tmp_path.iterdir()) == []


class Adder:
    def __init__(self, n: int) -> None:
        self.n = n

    def add(self, x: int) -> int:
        return x + self.n

    __call__ = add


@pytest.mark.parametrize("obj", [lambda x: x + 3, Adder(3), Adder(3).add, functools.partial(lambda y, x: x + y, 3)])
def test_anything_that_can_be_called_is_a_model(tmp_path: Path, obj: Callable[[int], int]) -> None:
    model = saved(obj, tmp_path / "m", 4)
    assert model.methods == {"predict": Method(name="__call__", args=(Argument(name="x", data_type=INT),), returns=INT)}
    assert model.samples == {"predict": Sample(args={"x": 4}, returns=7)}
    assert load_model(model, tmp_path)(5) == 8


def test_several_arguments_take_a_sample_by_name_or_by_position(tmp_path: Path) -> None:
    def area(width: float, height: float = 2.0, *, unit: str = "m", _log: Any = print) -> str:
        return f"{width * height} {unit}"

    def both(a: int, b: list[float]) -> float:
        return a * sum(b)

    expected = (
        Argument(name="width", data_type=FLOAT),
        Argument(name="height", data_type=FLOAT, required=False, default=2.0),
        Argument(name="unit", data_type=PrimitiveType(ptype="str"), required=False, default="m", kind="keyword_only"),
    )
    assert saved(area, tmp_path / "area", 1.5).methods["predict"].args == expected
    by_name = saved(both, tmp_path / "both", {"a": 2, "b": [1.0, 2.0]})
    assert by_name.samples["predict"] == Sample(args={"a": 2, "b": [1.0, 2.0]}, returns=6.0)
    assert by_name.methods["predict"].args[1] == Argument(name="b", data_type=ListType(dtype=FLOAT))
    assert saved(both, tmp_path / "both2", (2, [1.0, 2.0])).digest == by_name.digest
    with pytest.raises(UserError, match="needs 2 arguments"):
        save(both, tmp_path / "x", sample_data=3, model_types=TYPES)
    with pytest.raises(UserError, match='no argument "c"'):
        save(both, tmp_path / "x", sample_data={"a": 1, "c": 2}, model_types=TYPES)


def test_without_a_sample_the_types_are_unspecified_and_the_user_is_warned(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="saved without sample_data"):
        model = save(lambda x: x, tmp_path / "m", model_types=TYPES)
    assert isinstance(model, Model)
    anything = UnspecifiedType()
    assert (model.methods["predict"], model.samples) == (
        Method(name="__call__", args=(Argument(name="x", data_type=anything),), returns=anything),
        {},
    )


def test_params_are_recorded(tmp_path: Path) -> None:
    model = save(lambda x: x, tmp_path / "m.mlem", sample_data=1, params={"alpha": 0.1}, model_types=TYPES)
    assert isinstance(model, Model)
    assert (model.params, sorted(path.name for path in tmp_path.iterdir())) == ({"alpha": 0.1}, ["m", "m.mlem"])


def test_an_answer_that_no_type_describes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the answer: expected .* got object"):
        save(lambda x: object(), tmp_path / "m", sample_data=1, model_types=TYPES)


def test_an_object_that_is_neither_model_nor_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        save(object(), tmp_path / "m", model_types=TYPES)
    assert (caught.value.code, caught.value.known) == ("unknown-object", ("sklearn", "callable"))


def test_an_artifact_that_changed_is_never_loaded(tmp_path: Path, model: Model) -> None:
    artifact = tmp_path / "double"
    content = artifact.read_bytes()
    other = content[:-2] + b"x."
    for wrong, words in (
        (other, "is not the file that was saved: expected sha256"),
        (content[:-1], "is truncated"),
        (content + b"!", "is longer"),
    ):
        artifact.write_bytes(wrong)
        for action in (load_model, verify, lambda m, folder: copy_model(m.at(f"{folder}/m.mlem"), tmp_path / "copy")):
            with pytest.raises(ConflictError, match=words) as caught:
                action(model, tmp_path)
            assert caught.value.code == "artifact-changed"
    assert not (tmp_path / "copy/model").exists()
    artifact.unlink()
    with pytest.raises(NotFoundError) as missing:
        verify(model, tmp_path)
    assert missing.value.code == "artifact-missing"


def test_the_md5_of_mlem_04_is_verified(tmp_path: Path, model: Model) -> None:
    content = (tmp_path / "double").read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    old = model.model_copy(update={"artifacts": {"data": Artifact(uri="double", size_bytes=len(content), md5=digest)}})
    assert load_model(old, tmp_path)(2) == 4
    wrong = model.model_copy(
        update={"artifacts": {"data": Artifact(uri="double", size_bytes=len(content), md5="0" * 32)}}
    )
    with pytest.raises(ConflictError, match=f"expected md5 {'0' * 32}, got {digest}"):
        load_model(wrong, tmp_path)


def test_a_copy_is_the_same_model_under_another_name(tmp_path: Path, model: Model) -> None:
    copy = copy_model(model.at(str(tmp_path / "double.mlem")), tmp_path / "image")
    assert (copy.digest, copy.artifacts["data"].uri) == (model.digest, "model")
    assert Model.from_data(read_mapping(tmp_path / "image/model.mlem"), "x") == copy
    assert load_model(copy, tmp_path / "image")(3) == 6


def test_a_model_is_copied_and_loaded_from_a_url(tmp_path: Path, model: Model) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/models/double", (tmp_path / "double").read_bytes())
    try:
        assert load_model(model, "memory://bucket/models")(3) == 6
        assert copy_model(model.at("memory://bucket/models/double.mlem"), tmp_path / "copy").digest == model.digest
        with pytest.raises(NotFoundError):
            verify(model, "memory://bucket/other")
    finally:
        store.rm("/bucket", recursive=True)


def test_saving_again_replaces_and_leaves_no_temporary_files(tmp_path: Path) -> None:
    saved(lambda x: x, tmp_path / "m", 1)
    model = saved(lambda x: x + 1, tmp_path / "m", 1)
    assert (load_model(model, tmp_path)(1), sorted(path.name for path in tmp_path.iterdir())) == (2, ["m", "m.mlem"])


def test_a_format_without_its_model_type_is_not_installed(tmp_path: Path, model: Model) -> None:
    other = model.model_copy(
        update={
            "model_type": "catboost",
            "artifacts": {"data": model.artifacts["data"].model_copy(update={"format": "cbm"})},
        }
    )
    with pytest.raises(PluginError, match='no model type "catboost" is installed'):
        load_model(other, tmp_path, TYPES)
    with pytest.raises(DeclarationError, match='expected one artifact, "data", got none'):
        load_model(model.model_copy(update={"artifacts": {}}), tmp_path)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), "parquet"),
        (pd.DataFrame({"a": [1.5]}, index=pd.Index(["k"], name="key")), "parquet"),
        (np.arange(6.0).reshape(2, 3), "npy"),
        ({"a": [1, 2], "b": "text"}, "json"),
        (pd.Series([1, 2], name="s"), "json"),
    ],
)
def test_data_is_saved_and_loaded_with_its_type(tmp_path: Path, value: Any, kind: str) -> None:
    dataset = save(value, tmp_path / "d", model_types=TYPES)
    assert not isinstance(dataset, Model)
    assert dataset.artifact.format == kind
    back = load_data(type(dataset).from_data(read_mapping(tmp_path / "d.mlem"), "x"), tmp_path)
    assert type(back) is type(value)
    assert equal(dataset.data_type.encode(back), dataset.data_type.encode(value))


@pytest.mark.parametrize(
    ("function", "sample", "rowwise"),
    [
        (lambda X: X.sum(axis=1), np.ones((5, 2)), True),
        (lambda X: X - X.mean(axis=0), np.arange(10.0).reshape(5, 2), False),
        (lambda X: X.sum(axis=1)[::-1], np.arange(10.0).reshape(5, 2), False),
        (lambda X: X.sum(axis=1), np.ones((1, 2)), False),  # one row shows nothing
        (lambda X, k=1: X.sum(axis=1) * k, np.ones((5, 2)), False),
        (lambda words: [len(word) for word in words], ["a", "bc", "def"], True),
        (lambda words: sorted(words), ["c", "b", "a"], False),
        (lambda words: [word for word in words if len(words) > 1], ["a", "b"], False),
    ],
)
def test_a_method_is_rowwise_when_single_rows_are_answered_as_among_others(
    tmp_path: Path, function: Any, sample: Any, rowwise: bool
) -> None:
    model = save(function, tmp_path / "model", sample_data=sample, model_types=TYPES)
    assert isinstance(model, Model)
    assert model.methods["predict"].rowwise is rowwise
