"""Models in the format of skops: what they need, what they can't have, and that they are the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimators import save_estimators

from mlem import api
from mlem_model.errors import UserError
from mlem_model.models.model import Model

pytest.importorskip("skops", minversion="0.14")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def saved(obj: Any, name: str = "m") -> Model:
    model = api.save(obj, name, sample_data=X, format="skops")
    assert isinstance(model, Model)
    return model


def test_every_package_that_the_file_names_is_a_requirement(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=1, verbose=-1)
    model = saved(make_pipeline("passthrough", booster).fit(X, Y))
    assert [requirement.module for requirement in model.requirements] == ["lightgbm", "numpy", "sklearn", "skops"]
    assert model.code is None
    plain = saved(LogisticRegression().fit(X, Y))
    assert [requirement.module for requirement in plain.requirements] == ["numpy", "sklearn", "skops"]


def local(x: Any) -> Any:
    return x


@pytest.mark.parametrize("function", [lambda x: x, local])
def test_code_that_no_package_has_is_refused_with_what_to_do(folder: Path, function: Any) -> None:
    from sklearn.preprocessing import FunctionTransformer

    with pytest.raises(UserError) as caught:
        saved(FunctionTransformer(function).fit(X))
    name = f"{function.__module__}.{function.__name__}"
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "no-skops",
        f"the FunctionTransformer has {name}, which no installed package has: "
        "the skops format only names code, it does not contain any",
        'save it as a pickle, which includes code: without format="skops"',
    )
    assert {path.name for path in folder.iterdir()} == {".mlem.yaml", ".gitignore"}
    api.save(FunctionTransformer(function).fit(X), "m", sample_data=X)


SCRIPT = """
import numpy as np
import mlem.api
from mlem_model.errors import UserError
from sklearn.base import BaseEstimator
from beside import Beside

class Own(BaseEstimator):
    def predict(self, X):
        return np.zeros(len(X))

for model in (Own(), Beside()):
    try:
        mlem.api.save(model, "m", sample_data=np.zeros((2, 2)), format="skops")
    except UserError as error:
        print(error)
"""


def test_a_class_of_the_script_or_of_a_file_beside_it_is_refused(folder: Path) -> None:
    (folder / "script.py").write_text(SCRIPT)
    (folder / "beside.py").write_text(
        SCRIPT.partition("from beside")[0]
        + "class Beside(BaseEstimator):\n    def predict(self, X):\n        return X\n"
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    why = "which no installed package has: the skops format only names code, it does not contain any"
    assert done.stdout == f"the Own has __main__.Own, {why}\nthe Beside has beside.Beside, {why}\n", done.stderr


def test_what_can_not_be_loaded_again_is_refused(folder: Path) -> None:
    from sklearn.preprocessing import FunctionTransformer

    broken = FunctionTransformer(np.log1p).fit(X)
    broken.extra = (number for number in X)
    with pytest.raises(UserError) as caught:
        saved(broken)
    assert caught.value.code == "no-skops"
    assert caught.value.message.startswith("the FunctionTransformer can't be ")


SAME = """
import numpy as np
import mlem.api
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

X = np.arange(40.0).reshape(20, 2)
forest = RandomForestClassifier(3, random_state=0).fit(X, np.arange(20) % 2)
forest.words = {"a", "b", "c", ("d", "e"), 1.5}
forest.noise = np.random.RandomState(0)
forest.again = forest.estimators_
forest.raw = b"bytes"
print(mlem.api.save(forest, "m", sample_data=X, format="skops").digest)
loaded = mlem.api.load("m")
same = (loaded.predict(X) == forest.predict(X)).all()
print(loaded.words == forest.words, loaded.again[0] is loaded.estimators_[0], loaded.raw, same)
"""


def test_the_same_model_is_the_same_file(folder: Path) -> None:
    answers = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", SAME], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    (answer,) = answers
    assert answer.split("\n")[1] == "True True b'bytes' True"


def preferring(folder: Path) -> None:
    api.set_config("core.save.formats", "skops", folder)


NAMES = [
    "Birch",
    "DecisionTreeClassifier",
    "GaussianProcessRegressor",
    "GridSearchCV",
    "HistGradientBoostingClassifier",
    "KMeans",
    "KNeighborsClassifier",
    "MLPClassifier",
    "RandomForestRegressor",
    "SVC",
    "StackingClassifier",
    "VotingRegressor",
]


def test_a_project_may_prefer_it(folder: Path) -> None:
    preferring(folder)
    saved = save_estimators(folder, *NAMES)
    assert (saved.names, saved.others) == ({*NAMES}, {"Birch": ("sklearn", "True")})
    assert "a Birch is not saved as skops: the Birch can't be saved in the format of skops" in saved.told


def test_what_does_not_fit_is_told_and_saved_as_it_was_before(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    preferring(folder)
    model = api.save(make_pipeline(FunctionTransformer(local), LinearRegression()).fit(X, Y), "m", sample_data=X)
    assert isinstance(model, Model)
    assert model.model_type == "sklearn"
    assert "is not saved as skops" in caplog.text
    assert f"{local.__module__}.local, which no installed package has" in caplog.text
    assert np.allclose(api.load("m").predict(X[:1]), LinearRegression().fit(X, Y).predict(X[:1]))
    assert isinstance(double := api.save(lambda x: 2 * x, "double", sample_data=X), Model)
    assert double.model_type == "callable"


def test_an_unknown_preferred_format_is_an_error(folder: Path) -> None:
    api.set_config("core.save.formats", "skop", folder)
    with pytest.raises(UserError, match="no model is saved as skop") as caught:
        api.save(len, "m", sample_data=[1])
    assert (caught.value.code, caught.value.hint) == ("unknown-format", 'did you mean "skops"?')
