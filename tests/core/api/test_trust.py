"""Which formats of artifacts are accepted: the one who loads or deploys says so, not the model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy
import pytest

from mlem import api
from mlem.project.config import set_setting
from mlem_model.artifacts.trust import Trust
from mlem_model.errors import NotFoundError, UserError
from mlem_model.models.loading import load_model
from mlem_model.models.model import Model

sklearn = pytest.importorskip("sklearn")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    api.init(tmp_path)
    return tmp_path


def iris() -> tuple[Any, Any, Any]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_iris(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y), X, y


def forest() -> tuple[Any, Any]:
    from sklearn.ensemble import RandomForestClassifier

    _, X, y = iris()
    return RandomForestClassifier(10, random_state=0).fit(X, y), X


@pytest.mark.parametrize("format", ["skops", "onnx"])
def test_a_model_in_a_safe_format_answers_as_the_object(project: Path, format: str) -> None:
    pytest.importorskip({"skops": "skops", "onnx": "skl2onnx"}[format])
    model, X, _ = iris()
    saved = api.save(model, "iris", sample_data=X, format=format, project=str(project))
    assert isinstance(saved, Model)
    assert (saved.model_type, saved.artifacts["data"].format) == (f"sklearn_{format}", format)
    set_setting(project, "core.trust.formats", "skops,onnx")
    loaded = api.load("iris", project=str(project))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    numpy.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-9)
    assert api.apply("iris", X[:3], project=str(project)).tolist() == [0, 0, 0]


def test_a_transformer_and_a_regressor_travel_as_onnx(project: Path) -> None:
    pytest.importorskip("skl2onnx")
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import StandardScaler

    _, X, y = iris()
    for name, model in (("scaler", StandardScaler().fit(X)), ("line", LinearRegression().fit(X, y))):
        api.save(model, name, sample_data=X, format="onnx", project=str(project))
        loaded = api.load(name, project=str(project))
        method = "transform" if name == "scaler" else "predict"
        numpy.testing.assert_allclose(getattr(loaded, method)(X), getattr(model, method)(X), rtol=1e-6)


def test_an_object_that_can_not_be_converted_is_refused(project: Path) -> None:
    pytest.importorskip("skl2onnx")
    from sklearn.preprocessing import FunctionTransformer

    _, X, _ = iris()
    with pytest.raises(UserError) as caught:
        api.save(FunctionTransformer(numpy.log1p).fit(X), "f", sample_data=X, format="onnx", project=str(project))
    assert caught.value.code == "no-onnx"


def test_a_format_that_no_kind_has_is_refused_with_those_there_are(project: Path) -> None:
    model, X, _ = iris()
    with pytest.raises(UserError) as caught:
        api.save(model, "iris", sample_data=X, format="pmml", project=str(project))
    assert (caught.value.code, caught.value.known) == ("unknown-format", ("onnx", "pickle", "skops"))


def test_a_pickle_is_neither_loaded_nor_deployed_where_the_format_is_not_trusted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, X, _ = iris()
    api.save(model, "iris", sample_data=X, project=str(project))
    set_setting(project, "core.trust.formats", "[skops, onnx]")
    for attempt in (
        lambda: api.load("iris", project=str(project)),
        lambda: api.apply("iris", X, project=str(project)),
    ):
        with pytest.raises(UserError) as caught:
            attempt()
        assert caught.value.code == "untrusted-format"
        assert caught.value.message.startswith(f"{project / 'iris'}: the model is saved as pickle")
        assert "core.trust.formats skops,onnx,pickle" in str(caught.value.hint)
    monkeypatch.setenv("MLEM_CORE__TRUST__FORMATS", "pickle")
    assert api.load("iris", project=str(project)).predict(X[:1]).tolist() == [0]


def test_what_other_packages_have_needs_the_word_of_who_loads(project: Path) -> None:
    pytest.importorskip("skops", minversion="0.14")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model, X = forest()
    copying = make_pipeline(FunctionTransformer(copy.deepcopy), model)
    api.save(copying, "forest", sample_data=X, format="skops", project=str(project))
    with pytest.raises(UserError) as caught:
        api.load("forest", project=str(project))
    assert caught.value.code == "untrusted-types"
    assert caught.value.message.endswith("are not trusted: copy.deepcopy")
    set_setting(project, "core.trust.types", "copy.deepcopy")
    assert api.load("forest", project=str(project)).predict(X[:1]).tolist() == [0]


def test_nothing_of_an_untrusted_model_is_read(tmp_path: Path) -> None:
    model = Model.model_validate(
        {
            "model_type": "callable",
            "artifacts": {"data": {"uri": "nothing", "size_bytes": 1, "sha256": "0" * 64}},
            "methods": {},
        }
    )
    with pytest.raises(UserError, match="not trusted here"):
        load_model(model, tmp_path, trust=Trust(formats=("onnx",)))
    with pytest.raises(NotFoundError):
        load_model(model, tmp_path, trust=Trust(formats=("pickle",)))


def test_the_environment_says_what_a_server_trusts() -> None:
    environment = {"MLEM_CORE__TRUST__FORMATS": "[skops, onnx]", "MLEM_CORE__TRUST__TYPES": "a.B,c.D"}
    assert Trust.of_environment(environment) == Trust(formats=("skops", "onnx"), types=("a.B", "c.D"))
    assert Trust.of_environment({}) == Trust()
