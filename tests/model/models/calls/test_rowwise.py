"""Calls of several callers are joined only where no row's answer depends on another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import NMF, PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlem_model.errors import UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.model import Model
from mlem_model.models.saving import save

ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": ["x", "y", "x", "z"], "c": [1, 2, 3, 4]})
NUMBERS = np.arange(12.0).reshape(6, 2)


def rowwise(tmp_path: Path, obj: Any, sample: Any, **how: Any) -> dict[str, bool]:
    model = save(obj, tmp_path / "m", sample_data=sample, model_types=(SklearnModel, CallableModel), **how)
    assert isinstance(model, Model)
    return {name: method.rowwise for name, method in model.methods.items()}


@pytest.mark.parametrize(
    "function",
    [
        lambda d: d["a"].fillna(d["a"].mean()).tolist(),
        lambda d: d["a"].fillna(d["a"].median()).tolist(),
        lambda d: d["b"].fillna(d["b"].mode()[0]).tolist(),
        lambda d: d["a"].ffill().fillna(0.0).tolist(),
        lambda d: d["a"].interpolate().fillna(0.0).tolist(),
        lambda d: (d["a"] - d["a"].mean()).tolist(),
        lambda d: d["a"].clip(upper=d["a"].quantile(0.99)).tolist(),
        lambda d: d["a"].rank().tolist(),
        lambda d: d["b"].astype("category").cat.codes.tolist(),
        lambda d: pd.factorize(d["b"])[0].tolist(),
        lambda d: d["a"].cumsum().tolist(),
        lambda d: (d["a"] / d["a"].max()).tolist(),
        lambda d: d["b"].map(d["b"].value_counts()).tolist(),
        lambda d: [1.0 if len(d) > 2 else 0.0] * len(d),
        lambda d: d["a"].shift(1).fillna(-1.0).tolist(),
        lambda d: d.duplicated().tolist(),
        lambda d: d.sort_values("a")["a"].tolist(),
        lambda d: np.minimum(d["c"], d["c"].iloc[0] + 50).tolist(),
    ],
)  # fmt: skip
def test_a_function_that_looks_at_other_rows_is_found_out(tmp_path: Path, function: Any) -> None:
    assert rowwise(tmp_path, function, ROWS) == {"predict": False}


@pytest.mark.parametrize(
    ("function", "sample"),
    [
        (lambda X: np.nan_to_num(X, nan=np.nanmean(X)).sum(axis=1), NUMBERS),
        (lambda X: X / np.abs(X).max(), NUMBERS),
        (lambda X: np.unique(X[:, 0], return_inverse=True)[1], NUMBERS),
        (lambda X: (X - X.min(axis=0)).sum(axis=1), NUMBERS),
        (lambda texts: [text.ljust(max(map(len, texts))) for text in texts], ["a", "b", "c"]),
        (lambda texts: [texts.count(text) for text in texts], ["a", "b", "c"]),
        (lambda numbers: [number > sum(numbers) / len(numbers) for number in numbers], [1.0, 2.0, 3.0]),
        (lambda d: d["c"].astype("category").cat.codes.tolist(), pd.DataFrame({"c": ["x", "x", "x"]})),
        (lambda d: pd.factorize(d["c"])[0].tolist(), pd.DataFrame({"c": ["x", "x", "x"]})),
        (lambda d: d["c"].str.pad(d["c"].str.len().max()).tolist(), pd.DataFrame({"c": ["x", "y", "z"]})),
        (lambda rows: [row["a"] - min(other["a"] for other in rows) for row in rows], [{"a": 1}] * 3),
        (lambda rows: [row[0] - max(other[0] for other in rows) for row in rows], [[1.0, 2.0], [1.0, 3.0]]),
        (lambda d: (d["f"] | d["f"].any()).tolist(), pd.DataFrame({"f": [False] * 4})),
        (lambda d: [(d["c"] == "b").any()] * len(d), pd.DataFrame({"c": pd.Categorical(["a"] * 4, ["a", "b"])})),
        (lambda d: (d["t"] - d["t"].min()).dt.days.tolist(), pd.DataFrame({"t": pd.to_datetime(["2024-01-01"] * 3)})),
        (lambda items: items[::-1], [1, 1, 1]),
        (lambda d: (d["a"] * (2 if (d["a"] < 0).any() else 1)).tolist(), pd.DataFrame({"a": [1, 2, 3]})),
        (lambda X: [1.0 if len(X) > 64 else 0.0] * len(X), np.zeros((20, 2))),
        (lambda items: [len(str(items)) for _ in items], [{1}, {2}]),
    ],
)
def test_a_function_of_arrays_and_lists_that_looks_at_other_rows_is_found_out(
    tmp_path: Path, function: Any, sample: Any
) -> None:
    assert rowwise(tmp_path, function, sample) == {"predict": False}


@pytest.mark.parametrize(
    ("function", "sample"),
    [
        (lambda d: (d["a"].fillna(0.0) * d["c"]).tolist(), ROWS),
        (lambda d: [f"{b}!" for b in d["b"]], ROWS),
        (lambda X: X.sum(axis=1), NUMBERS),
        (lambda texts: [len(text) for text in texts], ["a", "bc", "def"]),
    ],
)
def test_a_function_that_looks_at_each_row_alone_is_joined(tmp_path: Path, function: Any, sample: Any) -> None:
    assert rowwise(tmp_path, function, sample) == {"predict": True}


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    assert rowwise(tmp_path, lambda X: X.sum(axis=1), NUMBERS, batch=False) == {"predict": False}
    assert rowwise(tmp_path, lambda d: d["a"].fillna(d["a"].mean()).tolist(), ROWS, batch=True) == {"predict": True}
    with pytest.raises(UserError, match="predict has 2 arguments"):
        rowwise(tmp_path, lambda X, k: X.sum(axis=1) * k, (NUMBERS, 2), batch=True)


def test_scikit_learns_estimators_say_it_themselves(tmp_path: Path) -> None:
    y = [0, 1, 0, 1, 0, 1]
    assert set(rowwise(tmp_path, RandomForestClassifier(5).fit(NUMBERS, y), NUMBERS).values()) == {
        True,
        False,
    }  # a sparse path has no rows
    assert rowwise(
        tmp_path, make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression()).fit(NUMBERS, y), NUMBERS
    ) == {"predict": True}
    assert rowwise(tmp_path, PCA().fit(NUMBERS), NUMBERS)["transform"] is True
    assert SklearnModel.rowwise(NMF(), "transform") is False
    user = FunctionTransformer(lambda X: np.nan_to_num(X, nan=np.nanmean(X)))
    assert SklearnModel.rowwise(make_pipeline(user, StandardScaler()), "transform") is False
    assert rowwise(tmp_path, make_pipeline(user, LinearRegression()).fit(NUMBERS, y), NUMBERS) == {"predict": False}
