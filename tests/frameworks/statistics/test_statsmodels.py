"""Results of statsmodels: they pass the suite without the rows that they were fitted to; foreign ones need trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sm = pytest.importorskip("statsmodels.api")
smf = pytest.importorskip("statsmodels.formula.api")

from mlem import api  # noqa: E402  # after what may not be installed
from mlem.testing import Project  # noqa: E402
from mlem.testing.model_types import ModelTypeSuite  # noqa: E402
from mlem_model.errors import UserError  # noqa: E402

SPECTOR = sm.datasets.spector.load_pandas()
COPPER = sm.datasets.copper.load_pandas().data
SUNSPOTS = sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"]


class OfResults(ModelTypeSuite):
    type = "statsmodels"
    runs_code = True

    def expected(self, obj: Any, sample: Any) -> Any:
        return np.asarray(obj.predict(sample))


class TestLeastSquaresOfArrays(OfResults):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        rows = sm.add_constant(SPECTOR.exog.to_numpy())
        return sm.OLS(SPECTOR.endog.to_numpy(), rows).fit(), rows


class TestLogisticOfFrames(OfResults):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return sm.Logit(SPECTOR.endog, SPECTOR.exog).fit(disp=False), SPECTOR.exog


class TestGeneralizedLinear(OfResults):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return sm.GLM(SPECTOR.endog, SPECTOR.exog, family=sm.families.Binomial()).fit(), SPECTOR.exog


class TestFormula(OfResults):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        frame = COPPER.reset_index(drop=True)
        fitted = smf.ols("WORLDCONSUMPTION ~ np.log(COPPERPRICE) + INCOMEINDEX", frame).fit()
        return fitted, frame[["COPPERPRICE", "INCOMEINDEX"]]


class TestFormulaOfCategories(OfResults):
    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        frame = pd.DataFrame({**SPECTOR.exog, "kind": np.where(SPECTOR.exog["PSI"] > 0, "a", "b"), "y": SPECTOR.endog})
        return smf.ols("y ~ GPA + C(kind)", frame).fit(), frame[["GPA", "kind"]]


def test_a_series_is_forecast(here: Project) -> None:
    from statsmodels.tsa.arima.model import ARIMA

    fitted = ARIMA(SUNSPOTS.to_numpy(), order=(2, 0, 0)).fit()
    model = api.save(fitted, "model", sample_data=4)
    assert [*model.methods] == ["forecast"]
    assert np.allclose(api.apply("model", 6, "forecast"), fitted.forecast(6))


def test_the_rows_that_it_was_fitted_to_are_left_out(here: Project) -> None:
    rows = np.random.default_rng(7).random((20_000, 4))
    fitted = sm.OLS(rows.sum(axis=1), rows).fit()
    model = api.save(fitted, "model", sample_data=rows[:5])
    assert model.artifacts["data"].size_bytes < 100_000
    assert fitted.model.exog.shape == (20_000, 4)  # the object has them still


def test_a_formula_with_a_function_of_the_users_is_refused_when_it_is_saved(here: Project) -> None:
    def mine(values: Any) -> Any:
        return values * 2

    frame = pd.DataFrame({**SPECTOR.exog, "y": SPECTOR.endog})
    fitted = smf.ols("y ~ mine(GPA)", frame).fit()
    with pytest.raises(UserError, match="mine") as caught:
        api.save(fitted, "model", sample_data=frame[["GPA"]])
    assert caught.value.code == "not-loaded"


def test_a_foreign_pickle_needs_trust(here: Project) -> None:
    fitted = sm.OLS(SPECTOR.endog, SPECTOR.exog).fit()
    fitted.save("results.pickle")
    SPECTOR.exog.to_csv("rows.csv", index=False)
    done = here.mlem("import", "results.pickle", "model", "--sample", "rows.csv")
    assert (done.returncode, "error[untrusted-types]" in done.stderr) == (2, True), done.stderr
    names = done.stderr.partition("core.trust.types ")[2].partition(";")[0]
    here.mlem("config", "set", "core.trust.types", names)
    done = here.mlem("import", "results.pickle", "model", "--sample", "rows.csv")
    assert done.returncode == 0, done.stderr
    assert np.allclose(api.apply("model", SPECTOR.exog), fitted.predict(SPECTOR.exog))
    assert api.load_meta("model").model_type == "statsmodels"
