"""A scikit-learn model on an endpoint, deployed by a machine that has no scikit-learn, answers as the saved one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlem import DataError, api
from mlem.testing import Project

from .conftest import APP, deploy

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X)
X.to_csv("rows.csv", index=False)
"""

TRAIN_ARRAY = """
import numpy as np
import mlem.api
def predict(data):
    return data * np.float64(2)
mlem.api.save(predict, "array", sample_data=np.ones((2, 3)))
"""

WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('sklearn', 'numpy', 'pandas', 'scipy', 'joblib', 'cloudpickle'):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
from mlem.cli.main import main
main(sys.argv[1:])
"""


PACKAGES = "--packages=pyarrow"


@pytest.fixture
def iris(project: Project) -> Project:
    pytest.importorskip("sklearn")
    done = project.python("-c", TRAIN)
    assert done.returncode == 0, done.stderr
    return project


def test_it_answers_as_the_saved_model(iris: Project, aws: Any, options: list[str]) -> None:
    aws.calls.clear()
    run = ["deployment", "run", "sagemaker", APP, "--model", "iris", *options, PACKAGES, "--wire_format=parquet"]
    done = iris.python("-c", WITHOUT, *run, timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert [call.action for call in aws.calls].count("InvokeEndpoint") == 1, (
        "one call has the sample rows of all methods"
    )
    for method in ("predict", "predict_proba"):
        here = iris.json("apply", "iris", "rows.csv", "--method", method)
        assert iris.json("deployment", "apply", APP, "rows.csv", "--method", method) == here
    rows, saved = pd.read_csv(iris.folder / "rows.csv"), api.load("iris", project=str(iris.folder))
    with iris.handle(APP).get_client() as client:
        assert np.array_equal(client.predict_proba(rows), saved.predict_proba(rows))
        assert client.call("predict", rows[:1]).tolist() == [0]


def test_arrays_go_and_come_as_they_are(project: Project, options: list[str]) -> None:
    done = project.python("-c", TRAIN_ARRAY)
    assert done.returncode == 0, done.stderr
    deploy(project, "array", [*options, "--wire_format=npy"])
    data = np.arange(12, dtype="float64").reshape(4, 3)
    with project.handle(APP).get_client() as client:
        found = client.predict(data)
        assert isinstance(found, np.ndarray)
        assert np.array_equal(found, data * 2)
        with pytest.raises(DataError):
            client.predict(np.zeros((4, 7)))
