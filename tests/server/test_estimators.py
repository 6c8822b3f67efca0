"""Scikit-learn's own estimators: saved, served, asked in every format, and compared whole with the local answer."""

from __future__ import annotations

import inspect
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils import all_estimators

from mlem.clients.http import HttpClient
from mlem_model.data.types.any import difference
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.model import Model
from mlem_model.models.saving import save

SERVED = [
    "AdaBoostClassifier", "BayesianGaussianMixture", "CalibratedClassifierCV", "DecisionTreeRegressor", "FastICA",
    "GaussianMixture", "GaussianNB", "GaussianProcessRegressor", "GradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest", "KBinsDiscretizer", "KMeans", "KNeighborsClassifier", "LinearDiscriminantAnalysis", "LinearSVC",
    "LogisticRegression", "MLPClassifier", "NearestNeighbors", "OneClassSVM", "PCA", "PowerTransformer",
    "QuantileTransformer",
    "RandomForestClassifier", "RandomTreesEmbedding", "Ridge", "SGDClassifier", "SplineTransformer", "StandardScaler",
    "TruncatedSVD",
]  # fmt: skip
"""Thirty that are asked over HTTP; all others that fit on iris or on the diabetes data are saved and asked in this
process."""
NOT_SAVED = {
    "DBSCAN": "clusters the rows that it is fitted on, and has no method for others",
    "HDBSCAN": "as DBSCAN", "OPTICS": "as DBSCAN", "AgglomerativeClustering": "as DBSCAN",
    "SpectralClustering": "as DBSCAN",
    "SpectralBiclustering": "as DBSCAN", "SpectralCoclustering": "as DBSCAN",
    "MDS": "maps the rows that it is fitted on, and has no method for others",
    "ClassicalMDS": "as MDS", "TSNE": "as MDS", "SpectralEmbedding": "as MDS",
    "SkewedChi2Sampler": "takes no rows of iris: each value must exceed its parameter",
}  # fmt: skip
"""Those that offer nothing to ask of new rows, with the reason."""
NOT_FITTED = {
    "ClassifierChain",
    "ColumnTransformer",
    "FeatureUnion",
    "FixedThresholdClassifier",
    "FrozenEstimator",
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "Pipeline",
    "RFE",
    "RFECV",
    "RandomizedSearchCV",
    "RegressorChain",
    "SelectFromModel",
    "SequentialFeatureSelector",
    "SparseCoder",
    "StackingClassifier",
    "StackingRegressor",
    "TunedThresholdClassifierCV",
    "VotingClassifier",
    "VotingRegressor",
    "CountVectorizer",
    "DictVectorizer",
    "FeatureHasher",
    "HashingVectorizer",
    "PatchExtractor",
    "TfidfVectorizer",
    "LabelBinarizer",
    "LabelEncoder",
    "MultiLabelBinarizer",
    "IsotonicRegression",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "GammaRegressor",
    "PoissonRegressor",
    "TweedieRegressor",
}
"""Those that take other estimators or other data than a table of numbers and one target."""
SLOW = {
    "GaussianProcessClassifier",
    "LogisticRegressionCV",
    "SelfTrainingClassifier",
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "MiniBatchSparsePCA",
    "SparsePCA",
    "GraphicalLassoCV",
    "NuSVR",
    "TheilSenRegressor",
    "AffinityPropagation",
    "MeanShift",
}
"""Those that take seconds to fit, and are like others here."""

ESTIMATORS = {name: cls for name, cls in all_estimators() if name not in NOT_FITTED}


def fitted(name: str) -> tuple[Any, pd.DataFrame]:
    """Return an estimator that has seen the data of its kind, and the data."""
    cls = ESTIMATORS[name]
    parameters = inspect.signature(cls).parameters
    settings = {"random_state": 0} if "random_state" in parameters else {}
    if "n_components" in parameters and name not in ("BernoulliRBM", "GaussianMixture"):
        settings["n_components"] = 2
    regression = issubclass(cls, __import__("sklearn.base").base.RegressorMixin)
    X, y = (load_diabetes if regression else load_iris)(return_X_y=True, as_frame=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**settings).fit(X, y), X


def local(obj: Any, method: str, X: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(obj, method)(obj.transform(X) if method == "inverse_transform" else X)


def same(here: Any, there: Any) -> bool:
    if isinstance(here, tuple):
        return len(here) == len(there) and all(map(same, here, there))
    if hasattr(here, "toarray"):
        here, there = here.toarray(), there.toarray()
    if str(getattr(here, "dtype", "")) == "object":
        return all(map(same, here, there))
    return np.asarray(here).shape == np.asarray(there).shape and bool(
        np.allclose(here, there, rtol=1e-9, atol=1e-12, equal_nan=True)
    )


def saved(obj: Any, X: Any, path: Path) -> Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = save(obj, path, sample_data=X, model_types=(SklearnModel,))
    assert isinstance(model, Model)
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SERVED)
def test_an_estimator_is_served_as_it_answers_here(name: str, starter: Any, tmp_path: Path) -> None:
    obj, X = fitted(name)
    model = saved(obj, X, tmp_path / "m")
    served = starter.start(tmp_path / "m")
    few = X.sample(5, random_state=0)
    with HttpClient(url=served.url) as client:
        for method in model.methods:
            if method == "inverse_transform":
                assert same(local(obj, method, X), client.call(method, local(obj, "transform", X)))
                continue
            assert same(local(obj, method, few), client.call(method, few)), f"{method} as JSON"
            assert same(local(obj, method, X), client.call(method, X)), f"{method} as Arrow"
    first = next(iter(model.methods))
    csv = few.to_csv(index=False).encode()
    how = {"content-type": "text/csv", "x-amzn-sagemaker-custom-attributes": f"method={first}"}
    reply = served.request("POST", "/invocations", csv, how)
    returns = model.methods[first].returns
    assert same(local(obj, first, few), returns.decode(json.loads(reply.body))), "CSV"
    buffer = io.BytesIO()
    few.to_parquet(buffer)
    reply = served.request(
        "POST", "/invocations", buffer.getvalue(), {**how, "content-type": "application/vnd.apache.parquet"}
    )
    assert same(local(obj, first, few), returns.decode(json.loads(reply.body))), "Parquet"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - set(SERVED) - SLOW - NOT_SAVED.keys()))
def test_every_other_estimator_that_fits_is_saved_and_asked_in_every_format(name: str, tmp_path: Path) -> None:
    from mlem_model.models.loading import load_model
    from mlem_model.models.pickling.travelling import ways

    try:
        obj, X = fitted(name)
    except (ValueError, ImportError) as error:
        pytest.skip(f"does not fit on this data: {error}")
    model = saved(obj, X.to_numpy() if len(name) % 2 else X, tmp_path / "m")
    loaded = load_model(model, tmp_path)
    few = X.sample(5, random_state=0)
    for method_name, method in model.methods.items():
        value = (
            local(obj, "transform", few)
            if method_name == "inverse_transform"
            else few.to_numpy()
            if len(name) % 2
            else few
        )
        (argument,) = method.args
        here = local(obj, method_name, few.to_numpy() if len(name) % 2 else few)
        for media_type, there_and_back in ways(argument.data_type):
            travelled = there_and_back(argument.data_type.accept(value))
            answer = method.call(loaded, {argument.name: travelled})
            assert same(here, answer), f"{method_name} as {media_type}"
            assert (
                difference(answer, method.returns.decode(json.loads(json.dumps(method.returns.encode(answer))))) is None
            )


def test_those_that_can_not_be_saved_have_nothing_to_ask_of_new_rows() -> None:
    found = {name for name in NOT_SAVED.keys() & ESTIMATORS.keys() if not SklearnModel.methods(ESTIMATORS[name]())}
    assert found == (NOT_SAVED.keys() & ESTIMATORS.keys()) - {"SkewedChi2Sampler"}
