"""Every estimator of scikit-learn is saved in the format of skops, where a project prefers it, and answers the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlem import api

pytest.importorskip("skops", minversion="0.14")

ESTIMATORS = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
import mlem.api
from sklearn.datasets import load_iris
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

X, y = load_iris(return_X_y=True)
for name, cls in all_estimators():
    try:
        estimator = next(iter(_construct_instances(cls)))
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=0)
        estimator.fit(X, y)
    except Exception:
        continue  # it takes other data
    if not hasattr(estimator, "predict"):
        continue
    model = mlem.api.save(estimator, "m", sample_data=X)
    same = np.allclose(mlem.api.load("m").predict(X), estimator.predict(X), rtol=1e-9)
    print(name, model.model_type, same)
"""


def test_every_estimator_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api.init(tmp_path)
    api.set_config("core.save.formats", "skops", tmp_path)
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([sys.executable, "-c", ESTIMATORS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert len(found) > 80
    assert {name for name, type_, same in found if (type_, same) != ("sklearn_skops", "True")} == {"Birch"}
    assert ["Birch", "sklearn", "True"] in found
    assert "a Birch is not saved as skops: the Birch can't be saved in the format of skops" in done.stderr
