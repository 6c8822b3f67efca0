"""A scikit-learn model on an endpoint, deployed by a machine that has no scikit-learn, answers as the saved one."""

from __future__ import annotations

from typing import Any

import pytest
from filelock import FileLock

from mlem.testing import Project
from mlem_provider_docker import Engine

from .conftest import APP

TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import mlem.api
X, y = load_iris(return_X_y=True, as_frame=True)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X, y), "iris", sample_data=X)
mlem.api.save(LogisticRegression(max_iter=1000).fit(X.to_numpy(), y), "iris-array", sample_data=X.to_numpy())
X.to_csv("rows.csv", index=False)
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


@pytest.fixture
def iris(project: Project, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Project:
    pytest.importorskip("sklearn")
    done = project.python("-c", TRAIN)
    assert done.returncode == 0, done.stderr
    with FileLock(tmp_path_factory.getbasetemp().parent / "mlem-docker.lock"):
        done = project.mlem("build", "docker", "iris", "--image_name", "mlem-test-cache-sagemaker-iris", timeout_s=900)
    assert done.returncode == 0, done.stderr
    return project


def test_it_answers_as_the_saved_model(iris: Project, aws: Any, options: list[str]) -> None:
    aws.calls.clear()
    done = iris.python("-c", WITHOUT, "deployment", "run", "sagemaker", APP, "--model", "iris", *options, timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert [call.action for call in aws.calls].count("InvokeEndpoint") == 1, "one call has the sample rows of all methods"
    for method in ("predict", "predict_proba"):
        here = iris.json("apply", "iris", "rows.csv", "--method", method)
        assert iris.json("deployment", "apply", APP, "rows.csv", "--method", method) == here


def test_arrays_and_frames_go_as_they_are(iris: Project, options: list[str]) -> None:
    import numpy as np
    import pandas as pd

    from mlem import api

    rows = pd.read_csv(iris.folder / "rows.csv")
    for model, wire_format, data in (("iris-array", "npy", rows.to_numpy()), ("iris", "parquet", rows)):
        formatted = [*options, f"--wire_format={wire_format}", "--packages=pyarrow"]
        done = iris.run("sagemaker", APP, model, formatted)
        assert done.returncode == 0, done.stderr
        saved = api.load(model, project=str(iris.folder))
        with iris.handle(APP).get_client() as client:
            found = client.predict_proba(data)
            assert isinstance(found, np.ndarray)
            assert np.array_equal(found, saved.predict_proba(data))
            assert client.call("predict", data[:1]).tolist() == [0]
