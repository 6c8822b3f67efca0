"""Forecasts of Prophet: they pass the suite; files are imported; hostile ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

prophet = pytest.importorskip("prophet")
serialize = pytest.importorskip("prophet.serialize")

from mlem import api  # noqa: E402  # after what may not be installed
from mlem.testing import Project  # noqa: E402
from mlem.testing.model_types import ModelTypeSuite  # noqa: E402
from mlem_model.errors import UserError  # noqa: E402
from mlem_model.frameworks.statistics.prophet import ProphetModel, ServedProphet  # noqa: E402

# of the framework about its own
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword", "ignore:.*fromtimestamp")
DAYS = pd.date_range("2024-01-01", periods=120, freq="D")
HISTORY = pd.DataFrame({"ds": DAYS, "y": 10 + np.arange(120) / 20 + 2 * np.sin(np.arange(120) * 2 * np.pi / 7)})
FUTURE = pd.DataFrame({"ds": pd.date_range("2024-05-01", periods=10, freq="D")})


def fitted(**options: Any) -> Any:
    return prophet.Prophet(yearly_seasonality=False, daily_seasonality=False, **options).fit(HISTORY, seed=7)


class TestProphetWithoutIntervals(ModelTypeSuite):
    type = "prophet"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return fitted(uncertainty_samples=0), FUTURE


class TestProphetWithIntervals(ModelTypeSuite):
    type = "prophet"
    joined = False  # they are drawn for all dates together

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return fitted(uncertainty_samples=50), FUTURE

    def expected(self, obj: Any, sample: Any) -> Any:
        return ServedProphet(obj).predict(sample)


class TestProphetWithARegressorAndHolidays(ModelTypeSuite):
    type = "prophet"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        model = prophet.Prophet(yearly_seasonality=False, daily_seasonality=False, uncertainty_samples=0)
        model.add_regressor("price")
        model.add_country_holidays("US")
        model.fit(HISTORY.assign(price=np.cos(np.arange(120))), seed=7)
        return model, FUTURE.assign(price=np.linspace(0, 1, 10))


def test_answers_come_in_the_order_of_the_dates_that_were_asked_for() -> None:
    model = fitted(uncertainty_samples=0)
    turned = FUTURE.iloc[::-1].reset_index(drop=True)
    answer = ServedProphet(model).predict(turned)
    assert list(answer["ds"]) == list(turned["ds"])
    assert np.allclose(answer["yhat"].to_numpy()[::-1], model.predict(FUTURE)["yhat"])


def test_intervals_are_the_same_each_time_and_leave_numpys_generator_alone() -> None:
    model = ServedProphet(fitted(uncertainty_samples=50))
    np.random.seed(3)
    first = model.predict(FUTURE)
    drawn = np.random.random()
    np.random.seed(3)
    assert drawn == np.random.random()
    pd.testing.assert_frame_equal(first, model.predict(FUTURE))


def test_one_that_was_not_fitted_is_refused(here: Project) -> None:
    with pytest.raises(UserError, match="has not been fitted"):
        api.save(prophet.Prophet(), "model", sample_data=FUTURE)


def test_a_file_is_imported(here: Project) -> None:
    model = fitted(uncertainty_samples=0)
    Path("forecast.json").write_text(serialize.model_to_json(model))
    FUTURE.to_parquet("future.parquet")
    done = here.mlem("import", "forecast.json", "model", "--sample", "future.parquet")
    assert done.returncode == 0, done.stderr
    assert np.allclose(api.apply("model", FUTURE)["yhat"], model.predict(FUTURE)["yhat"])


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a country that is none": lambda model: model.update(country_holidays="__loader__"),
    "intervals of a billion": lambda model: model.update(uncertainty_samples=10**9),
    "a season of a billion terms": lambda model: model["seasonalities"][1]["weekly"].update(fourier_order=10**9),
    "no parameters": lambda model: model.pop("params"),
    "a history that is none": lambda model: model.update(history="[]"),
    "odd seasons": lambda model: model.update(seasonalities=7),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, what: str) -> None:
    content = json.loads(serialize.model_to_json(fitted(uncertainty_samples=0)))
    HOSTILE[what](content)
    (tmp_path / "forecast.json").write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        ProphetModel.read(tmp_path / "forecast.json")
    assert caught.value.code == "no-prophet"


def test_a_giant_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "forecast.json").open("wb") as file:
        file.truncate(300 * 2**20)
    with pytest.raises(UserError, match="more than 256 MiB"):
        ProphetModel.read(tmp_path / "forecast.json")
