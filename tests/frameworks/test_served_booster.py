"""A booster of XGBoost answers callers' rows as it answers the ``DMatrix`` that is made of them, bit by bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_diabetes

from mlem_model.frameworks.boosting.served_booster import ServedBooster

PEOPLE, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
HOLED = PEOPLE.mask(np.random.default_rng(0).random(PEOPLE.shape) < 0.3)
COUNT = len(PEOPLE)
OBJECTIVES = [
    *("reg:squarederror", "reg:absoluteerror", "reg:quantileerror", "count:poisson", "reg:gamma", "reg:tweedie"),
    *("binary:logistic", "binary:logitraw", "binary:hinge", "multi:softprob", "multi:softmax"),
    *("rank:ndcg", "rank:pairwise", "survival:aft", "survival:cox"),
]
MORE: dict[str, dict[str, Any]] = {
    "multi:softprob": {"num_class": 3},
    "multi:softmax": {"num_class": 3},
    "reg:quantileerror": {"quantile_alpha": [0.1, 0.5]},
}
CODES = PEOPLE.assign(sex=np.arange(COUNT) % 3, age=np.arange(COUNT) % 12)
NAMED = CODES.assign(sex=pd.Categorical.from_codes(CODES.sex, ["a", "b", "c"]), age=pd.Categorical(CODES.age))


def trained(objective: str = "reg:squarederror", booster: str = "gbtree", rows: Any = HOLED, **more: Any) -> Any:
    labels = {"multi": np.arange(COUNT) % 3, "binary": PROGRESS > 150, "rank": PROGRESS > 150}
    matrix = xgboost.DMatrix(rows, labels.get(objective.partition(":")[0], PROGRESS), enable_categorical=True)
    if objective.startswith("rank"):
        matrix.set_group([COUNT])
    if objective == "survival:aft":
        matrix.set_float_info("label_lower_bound", PROGRESS)
        matrix.set_float_info("label_upper_bound", PROGRESS)
    kind = {"objective": objective, "booster": booster, **MORE.get(objective, {}), **more}
    return xgboost.train({**kind, "rate_drop": 0.3} if booster == "dart" else kind, matrix, 4)


def outcome(ask: Callable[[], Any]) -> Any:
    """Return an answer, or the kind of error and what it says first, without the time and the place in the library."""
    try:
        answer = ask()
    except Exception as error:
        return type(error), str(error).partition("\n")[0].rpartition("] ")[2]
    return answer.dtype, answer.shape, answer.tobytes()


def matrix_of(booster: Any, rows: Any) -> Any:
    if hasattr(rows, "columns"):
        return xgboost.DMatrix(rows, enable_categorical=True)
    return xgboost.DMatrix(rows, feature_names=booster.feature_names, feature_types=booster.feature_types)


def expect_same(booster: Any, rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, about casts
        expected = outcome(lambda: booster.predict(matrix_of(booster, rows)))
        assert outcome(lambda: ServedBooster(booster).predict(rows)) == expected
    return expected


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.filterwarnings("ignore:.*shotgun.*")
def test_every_objective_of_every_booster_answers_the_same(objective: str, booster: str) -> None:
    model = trained(objective, booster)
    loaded = xgboost.Booster()
    loaded.load_model(bytearray(model.save_raw("ubj")))
    for one in (model, loaded):
        for rows in (HOLED, HOLED.to_numpy(), HOLED[:1], HOLED.to_numpy()[:1], HOLED[:0]):
            assert len(expect_same(one, rows)) == 3


def with_a(value: float, dtype: str = "float64") -> Any:
    rows = PEOPLE.to_numpy().copy()
    rows[3, 4] = value
    return rows.astype(dtype)


@pytest.mark.parametrize(
    "rows",
    [
        *(PEOPLE.to_numpy().astype(kind) for kind in ("float32", "float16", "longdouble", object, ">f8", str, complex)),
        (PEOPLE.to_numpy() * 100).astype("int64"), PEOPLE.to_numpy() > 0,
        np.asfortranarray(PEOPLE), np.ones((20, 20))[::2, ::2], np.ma.masked_array(PEOPLE, PEOPLE > 0),
        PEOPLE.to_numpy()[0], PEOPLE.to_numpy()[None], PEOPLE.to_numpy()[:, :4], np.ones((2, 11)),
        PEOPLE.to_numpy()[:3].tolist(),
        with_a(np.inf), with_a(-np.inf), with_a(1e300), with_a(3.4028235677973366e38), with_a(2.0**53), with_a(np.nan),
        np.full((2, 10), 2**63 + 5, "uint64"), np.full((2, 10), -(2**63), "int64"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_every_array_is_answered_or_refused_as_its_matrix_is(rows: Any, named: bool) -> None:
    expect_same(trained(rows=PEOPLE if named else PEOPLE.to_numpy()), rows)


@pytest.mark.parametrize(
    "rows",
    [
        PEOPLE[PEOPLE.columns[::-1]], PEOPLE.iloc[:, :4], PEOPLE.assign(more=1.0), PEOPLE.set_axis(range(10), axis=1),
        pd.DataFrame(with_a(np.inf), columns=PEOPLE.columns), PEOPLE > 0, PEOPLE.assign(sex=PEOPLE.sex > 0),
        PEOPLE.assign(sex=np.arange(COUNT)), (PEOPLE * 100).astype("int32"), PEOPLE.astype("float32"),
        PEOPLE.assign(sex=2**53 + np.arange(COUNT)), PEOPLE.assign(sex=-(2**53) - np.arange(COUNT)),
        PEOPLE.astype("Float64").where(PEOPLE > 0), PEOPLE.round().astype("Int64").where(PEOPLE > 0),
        PEOPLE.astype(object), PEOPLE.assign(sex="m"), PEOPLE.assign(sex=pd.Categorical(PEOPLE.sex > 0)),
        PEOPLE.assign(sex=pd.Timestamp("2026-01-01")), PEOPLE.sex,
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_every_frame_is_answered_or_refused_as_its_matrix_is(rows: Any, named: bool) -> None:
    expect_same(trained(rows=PEOPLE if named else PEOPLE.to_numpy()), rows)


@pytest.mark.parametrize(
    "rows",
    [
        NAMED, CODES, CODES.to_numpy(), NAMED[:1], NAMED.assign(sex=NAMED.sex.cat.reorder_categories(["c", "b", "a"])),
        NAMED.assign(sex=pd.Categorical(["x"] * COUNT)), NAMED.assign(sex=CODES.sex), CODES.assign(sex=-1).to_numpy(),
        CODES.assign(sex=1e9).to_numpy(),
    ],
    ids=str,
)  # fmt: skip
def test_categories_are_answered_or_refused_as_their_matrix_is(rows: Any) -> None:
    expect_same(trained(rows=NAMED, max_cat_to_onehot=1), rows)


def test_a_matrix_is_taken_as_it_is_with_its_margin() -> None:
    model = trained(rows=PEOPLE)
    matrix = xgboost.DMatrix(PEOPLE, base_margin=np.arange(COUNT))
    assert np.array_equal(ServedBooster(model).predict(matrix), model.predict(matrix))


def test_plain_numbers_need_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained(rows=PEOPLE)
    expected, served = model.predict(xgboost.DMatrix(PEOPLE)), ServedBooster(model)
    monkeypatch.delattr(xgboost, "DMatrix")
    for rows in (PEOPLE, PEOPLE.to_numpy()):
        assert np.array_equal(served.predict(rows), expected)
